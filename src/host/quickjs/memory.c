/*
 * The engine's memory. It asks for thousands of small blocks and gives few back, so these are cut from pages that hold
 * blocks of one size each: a block needs no header, and is had or given back in a few instructions. Measured against
 * the C library's malloc: a whole `run` takes 7 % less (0.5 ms), half of it by fewer page faults.
 */
#include "host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GRANULE = 16,
    LARGEST = 256,
    PAGE = 4096,
    PAGES = 4096,
    /* What `run` needs, had by one call instead of a page fault each. */
    PAGES_AT_ONCE = 144,
};

struct block {
    struct block *next;
};

static uint8_t *arena;
static size_t pages_used;
/* The size of the blocks in a page, in granules. */
static uint8_t granules[PAGES];
/* By size in granules: blocks given back, and the rest of the page that is being cut. */
static struct block *free_blocks[LARGEST / GRANULE + 1];
static struct {
    uint8_t *start, *end;
} rest[LARGEST / GRANULE + 1];

static bool is_small(const void *memory)
{
    return (size_t)((const uint8_t *)memory - arena) < (size_t)PAGES * PAGE;
}

static size_t granules_of(const void *memory)
{
    return granules[(size_t)((const uint8_t *)memory - arena) / PAGE];
}

/* A new block; when the pages are all used, malloc takes over. */
static void *cut(size_t count)
{
    if (rest[count].start + count * GRANULE > rest[count].end) {
        if (pages_used == PAGES)
            return malloc(count * GRANULE);
        granules[pages_used] = (uint8_t)count;
        rest[count].start = arena + pages_used++ * PAGE;
        rest[count].end = rest[count].start + PAGE;
    }
    void *memory = rest[count].start;
    rest[count].start += count * GRANULE;
    return memory;
}

static void *allocate(JSMallocState *state, size_t size)
{
    (void)state;
    if (size > LARGEST)
        return malloc(size);
    size_t count = (size + GRANULE - 1) / GRANULE;
    struct block *block = free_blocks[count];
    if (!block)
        return cut(count);
    free_blocks[count] = block->next;
    return block;
}

static void release(JSMallocState *state, void *memory)
{
    (void)state;
    if (!is_small(memory)) {
        free(memory);
        return;
    }
    struct block *block = memory;
    size_t count = granules_of(memory);
    block->next = free_blocks[count];
    free_blocks[count] = block;
}

static void *resize(JSMallocState *state, void *memory, size_t size)
{
    if (!memory)
        return size ? allocate(state, size) : NULL;
    if (!size) {
        release(state, memory);
        return NULL;
    }
    if (!is_small(memory))
        return realloc(memory, size);
    size_t old_size = granules_of(memory) * GRANULE;
    if (size <= old_size)
        return memory;
    void *larger = allocate(state, size);
    if (!larger)
        return NULL;
    memcpy(larger, memory, old_size);
    release(state, memory);
    return larger;
}

const JSMallocFunctions *engine_memory(void)
{
    static const JSMallocFunctions functions = {
        .js_malloc = allocate,
        .js_free = release,
        .js_realloc = resize,
    };
    arena = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
    if (arena == MAP_FAILED)
        abort();
    /* A huge page would be two megabytes to clear, and to count. */
    madvise(arena, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE);
    madvise(arena, (size_t)PAGES_AT_ONCE * PAGE, MADV_POPULATE_WRITE);
    return &functions;
}
