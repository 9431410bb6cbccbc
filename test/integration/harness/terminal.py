"""The user's side of a terminal, which Node cannot hold: it neither makes nor receives ptys.

  terminal.py SECONDS foreground ROWS COLUMNS COMMAND...   runs COMMAND on a new pty
  terminal.py SECONDS socket PATH                          receives a pty over the console socket PATH

What the pty says goes to stdout. Lines on stdin do things: `send HEX`, `size ROWS COLUMNS`, `look away`
from what it says, `look` again. It gives up when nothing happens for SECONDS. At the end stderr has `status N` (foreground), and `restored` if
the terminal's attributes are those of before. Needs nothing that python3-minimal does not have.
"""
import array
import fcntl
import os
import select
import socket
import struct
import sys

TCGETS, TIOCSWINSZ = 0x5401, 0x5414


def attributes(terminal):
    return fcntl.ioctl(terminal, TCGETS, bytes(64))


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


def obey(terminal, line):
    verb, *words = line.split()
    if verb == "send":
        os.write(terminal, bytes.fromhex(words[0]))
    else:
        resize(terminal, *words)


def relay(terminal, ended=None):
    """Until the pty's other side is closed or, where it is held open here, `ended` is ready."""
    sources = [terminal, 0] + ([] if ended is None else [ended])
    pending = b""
    looking = True
    while True:
        ready, _, _ = select.select(sources if looking else sources[1:], [], [], limit)
        if not ready:
            sys.exit(f"nothing happened for {limit} s")
        # What was written last may have come between the looks at the two.
        if ended in ready and looking and select.select([terminal], [], [], 0)[0]:
            ready.append(terminal)
        if terminal in ready:
            try:
                os.write(1, os.read(terminal, 65536))
            except OSError:  # EIO: the last one to hold it has closed it
                return
        elif ended in ready:
            return
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                sources.remove(0)
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if line.startswith(b"look"):
                    looking = line == b"look"
                else:
                    obey(terminal, line.decode())


def foreground(rows, columns, *command):
    # The user's side stays open here, so that its attributes can be read at the end.
    terminal, user = os.openpty()
    resize(terminal, rows, columns)
    before = attributes(user)
    child = os.fork()
    if child == 0:
        os.login_tty(user)
        os.execvp(command[0], command)
    relay(terminal, os.pidfd_open(child))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if attributes(user) == before:
        print("restored", file=sys.stderr)
    print("status", status, file=sys.stderr)


def receive(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1)
    listener.settimeout(limit)
    connection, _ = listener.accept()
    connection.settimeout(limit)
    size = array.array("i").itemsize
    message, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4 * size))
    descriptors = array.array("i")
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data)
    print("received", len(descriptors), message.decode(), file=sys.stderr, flush=True)
    relay(descriptors[0])


limit = int(sys.argv[1])
if sys.argv[2] == "foreground":
    foreground(*sys.argv[3:])
else:
    receive(sys.argv[3])
