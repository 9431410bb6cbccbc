/* The program's bytecode and the table that names its parts (struct chunk of host.h). */
    .section .rodata
main_name:
    .asciz "main"
    .balign 8
main_start:
    .incbin MAIN
main_end:

    .section .data.rel.ro, "aw"
    .balign 8
    .globl chunks
chunks:
    .quad main_name, main_start, main_end
    .quad 0, 0, 0

    .section .note.GNU-stack, "", %progbits
