/* The rate at which cuFile itself reads a file into device memory: what the module's cuFile route is measured against.
 *   gcc -O2 -o cufile_rate cufile_rate.c -ldl -lpthread
 *   ./cufile_rate FILE BLOCK DEPTH BYTES
 * Each way of keeping DEPTH reads of BLOCK bytes in flight runs three times over the file's first BYTES, with the driver
 * set up as the module sets it up; the best run of each is printed, and whether the bytes that arrived are the file's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { RUNS = 3, MOST_DEPTH = 128, MOST_WAIT_SECONDS = 30 };

/* cufile.h, as far as it is used here. */
typedef struct { int err; int cu_err; } CuFileError;
typedef struct { int type; union { int fd; void* handle; } handle; const void* fs_ops; } CuFileDescr;
typedef struct
{
    int mode;
    union { struct { void* base; off_t file_offset; off_t memory_offset; size_t size; } batch; } u;
    void* fh;
    int opcode;
    void* cookie;
} CuFileIo;
typedef struct { void* cookie; int status; size_t ret; } CuFileEvent;

_Static_assert(sizeof(CuFileError) == 8 && sizeof(CuFileDescr) == 24, "as in cufile.h");
_Static_assert(sizeof(CuFileIo) == 64 && sizeof(CuFileEvent) == 24, "as in cufile.h");

enum { HANDLE_FD = 1, MODE_BATCH = 1, OP_READ = 0, STATUS_WAITING = 1, STATUS_PENDING = 2, STATUS_COMPLETE = 0x10 };
enum { SIZE_IO_THREADS = 2, SIZE_IO_THRESHOLD_KB = 3, BOOL_ALLOW_COMPAT = 1 };

static CuFileError (*driver_open)(void);
static CuFileError (*driver_close)(void);
static CuFileError (*set_size)(int, size_t);
static CuFileError (*set_bool)(int, _Bool);
static CuFileError (*set_pool)(const size_t*, const size_t*, int);
static CuFileError (*handle_register)(void**, CuFileDescr*);
static void (*handle_deregister)(void*);
static CuFileError (*buf_register)(const void*, size_t, int);
static CuFileError (*buf_deregister)(const void*);
static ssize_t (*cufile_read)(void*, void*, size_t, off_t, off_t);
static CuFileError (*batch_set_up)(void**, unsigned);
static CuFileError (*batch_submit)(void*, unsigned, CuFileIo*, unsigned);
static CuFileError (*batch_get_status)(void*, unsigned, unsigned*, CuFileEvent*, struct timespec*);
static void (*batch_destroy)(void*);

static int (*cu_init)(unsigned);
static int (*cu_device_get)(int*, int);
static int (*cu_ctx_retain)(void**, int);
static int (*cu_ctx_set)(void*);
static int (*cu_mem_alloc)(uint64_t*, size_t);
static int (*cu_mem_free)(uint64_t);
static int (*cu_copy_back)(void*, uint64_t, size_t);
static int (*cu_fill)(uint64_t, unsigned char, size_t);

static void* context;
static void* file;
static uint64_t memory;
static size_t block;
static size_t total;
static int depth;

/* Never more than one message: what follows a failure is its consequence. */
static void fail(const char* what, long code)
{
    printf("{\"error\":\"%s\",\"code\":%ld}\n", what, code);
    exit(1);
}

static void* find(void* library, const char* name, int is_optional)
{
    void* symbol = dlsym(library, name);
    if (!symbol && !is_optional) fail(name, 0);
    return symbol;
}

#define LOAD(library, pointer, name, is_optional) *(void**)&pointer = find(library, name, is_optional)

static void load(void)
{
    void* cuda = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!cuda) fail("libcuda.so.1 cannot be loaded", 0);
    LOAD(cuda, cu_init, "cuInit", 0);
    LOAD(cuda, cu_device_get, "cuDeviceGet", 0);
    LOAD(cuda, cu_ctx_retain, "cuDevicePrimaryCtxRetain", 0);
    LOAD(cuda, cu_ctx_set, "cuCtxSetCurrent", 0);
    LOAD(cuda, cu_mem_alloc, "cuMemAlloc_v2", 0);
    LOAD(cuda, cu_mem_free, "cuMemFree_v2", 0);
    LOAD(cuda, cu_copy_back, "cuMemcpyDtoH_v2", 0);
    LOAD(cuda, cu_fill, "cuMemsetD8_v2", 0);

    static const char* const names[] = {
        "libcufile.so.0", "/usr/local/cuda/lib64/libcufile.so.0", "/usr/local/cuda/targets/x86_64-linux/lib/libcufile.so.0" };
    void* cufile = NULL;
    const char* chosen = getenv("NVSTREAM_CUFILE_LIBRARY");
    if (chosen && *chosen) cufile = dlopen(chosen, RTLD_NOW);
    for (size_t i = 0; !cufile && i < sizeof names / sizeof *names; i++) cufile = dlopen(names[i], RTLD_NOW);
    if (!cufile) fail("libcufile.so.0 cannot be loaded", 0);
    LOAD(cufile, driver_open, "cuFileDriverOpen", 0);
    LOAD(cufile, driver_close, "cuFileDriverClose_v2", 0);
    LOAD(cufile, set_size, "cuFileSetParameterSizeT", 1);
    LOAD(cufile, set_bool, "cuFileSetParameterBool", 1);
    LOAD(cufile, set_pool, "cuFileSetParameterPosixPoolSlabArray", 1);
    LOAD(cufile, handle_register, "cuFileHandleRegister", 0);
    LOAD(cufile, handle_deregister, "cuFileHandleDeregister", 0);
    LOAD(cufile, buf_register, "cuFileBufRegister", 0);
    LOAD(cufile, buf_deregister, "cuFileBufDeregister", 0);
    LOAD(cufile, cufile_read, "cuFileRead", 0);
    LOAD(cufile, batch_set_up, "cuFileBatchIOSetUp", 0);
    LOAD(cufile, batch_submit, "cuFileBatchIOSubmit", 0);
    LOAD(cufile, batch_get_status, "cuFileBatchIOGetStatus", 0);
    LOAD(cufile, batch_destroy, "cuFileBatchIODestroy", 0);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The driver as the module opens it; without the pool no more than its 64 buffers of 1 MiB may be in flight. */
static void configure(void)
{
    int has_pool = 0;
    if (set_bool) set_bool(BOOL_ALLOW_COMPAT, 1);
    if (set_size)
    {
        set_size(SIZE_IO_THREADS, 8);
        set_size(SIZE_IO_THRESHOLD_KB, 1024);
    }

    if (set_pool)
    {
        const size_t kb = (block + 1023) / 1024;
        const size_t sizes[] = { 4, 1024, kb };
        const size_t counts[] = { 128, kb <= 1024 && depth > 64 ? (size_t)depth : 64, (size_t)depth };
        has_pool = set_pool(sizes, counts, kb <= 1024 ? 2 : 3).err == 0;
    }

    const size_t buffers = (block + (1 << 20) - 1) >> 20;
    if (!has_pool && (size_t)depth * buffers > 64)
    {
        depth = buffers >= 64 ? 1 : (int)(64 / buffers);
        fprintf(stderr, "cufile_rate: the pool cannot be set, so that %d reads are in flight\n", depth);
    }
}

/* Reads go to a ring of DEPTH blocks: read number i to block i % DEPTH. */
struct batch { void* handle; CuFileIo* reads; int count; int outstanding; };

static int submit(struct batch* b, int first_slot, int slots, size_t* next)
{
    b->count = 0;
    for (int i = 0; i < slots && *next < total; i++, *next += block)
    {
        CuFileIo* io = &b->reads[b->count++];
        memset(io, 0, sizeof *io);
        io->mode = MODE_BATCH;
        io->u.batch.base = (void*)memory;
        io->u.batch.file_offset = (off_t)*next;
        io->u.batch.memory_offset = (off_t)((size_t)(first_slot + i) * block);
        io->u.batch.size = total - *next < block ? total - *next : block;
        io->fh = file;
        io->opcode = OP_READ;
        io->cookie = io;
    }

    b->outstanding = b->count;
    return b->count == 0 ? 0 : batch_submit(b->handle, (unsigned)b->count, b->reads, 0).err;
}

/* Reads that ended; negative after an error. */
static int reap(struct batch* b, int least, long nanoseconds)
{
    CuFileEvent events[MOST_DEPTH];
    unsigned count = (unsigned)b->outstanding;
    struct timespec wait = { 0, nanoseconds };
    const CuFileError e = batch_get_status(b->handle, (unsigned)least, &count, events, &wait);
    if (e.err) return -e.err;
    int ended = 0;
    for (unsigned i = 0; i < count; i++)
    {
        if (events[i].status == STATUS_WAITING || events[i].status == STATUS_PENDING) continue;
        const CuFileIo* io = events[i].cookie;
        if (events[i].status != STATUS_COMPLETE || events[i].ret != io->u.batch.size) return -events[i].status;
        ended++;
    }

    b->outstanding -= ended;
    return ended;
}

/* DEPTH reads in `batches` batches, each refilled when all of its reads have ended; seconds, or negative. */
static double by_batches(int batches)
{
    struct batch list[MOST_DEPTH];
    const int slots = depth / batches;
    size_t next = 0;
    int failed = 0;
    for (int i = 0; i < batches; i++)
    {
        list[i].reads = calloc((size_t)slots, sizeof(CuFileIo));
        list[i].outstanding = 0;
        const CuFileError e = batch_set_up(&list[i].handle, (unsigned)slots);
        if (e.err) fail("cuFileBatchIOSetUp", e.err);
    }

    const double start = now();
    double progress = start;
    for (int i = 0; i < batches && !failed; i++) failed = submit(&list[i], i * slots, slots, &next);
    for (int busy = 1; busy && !failed;)
    {
        busy = 0;
        int moved = 0, first = -1;
        for (int i = 0; i < batches && !failed; i++)
        {
            if (list[i].outstanding == 0) continue;
            const int ended = reap(&list[i], 0, 0);
            if (ended < 0) failed = -ended;
            moved += ended > 0;
            if (!failed && list[i].outstanding == 0) failed = submit(&list[i], i * slots, slots, &next);
            if (list[i].outstanding > 0)
            {
                busy = 1;
                if (first < 0) first = i;
            }
        }

        if (!failed && busy && !moved)
        {
            const int ended = reap(&list[first], 1, 200000);
            if (ended < 0) failed = -ended;
            moved = ended > 0;
            if (!failed && list[first].outstanding == 0) failed = submit(&list[first], first * slots, slots, &next);
        }

        if (moved) progress = now();
        if (now() - progress > MOST_WAIT_SECONDS) fail("a batch does not end", batches);
    }

    const double seconds = now() - start;
    for (int i = 0; i < batches; i++)
    {
        batch_destroy(list[i].handle);
        free(list[i].reads);
    }

    if (failed) fprintf(stderr, "cufile_rate: %d batches: error or status %d\n", batches, failed);
    return failed ? -1 : seconds;
}

static size_t next_read;
static int read_failed;

static void* read_on(void* slot)
{
    cu_ctx_set(context);
    for (;;)
    {
        const size_t offset = __atomic_fetch_add(&next_read, block, __ATOMIC_RELAXED);
        if (offset >= total) return NULL;
        const size_t size = total - offset < block ? total - offset : block;
        const ssize_t got = cufile_read(file, (void*)memory, size, (off_t)offset, (off_t)((size_t)(intptr_t)slot * block));
        if (got != (ssize_t)size)
        {
            __atomic_store_n(&read_failed, got < 0 ? (int)-got : 1, __ATOMIC_RELAXED);
            return NULL;
        }
    }
}

static double by_threads(int count)
{
    pthread_t threads[MOST_DEPTH];
    next_read = 0;
    read_failed = 0;
    const double start = now();
    for (int i = 0; i < count; i++)
    {
        if (pthread_create(&threads[i], NULL, read_on, (void*)(intptr_t)i)) fail("pthread_create", i);
    }

    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    if (read_failed) fprintf(stderr, "cufile_rate: cuFileRead: %d\n", read_failed);
    return read_failed ? -1 : now() - start;
}

/* The file's first DEPTH blocks, read once more into each block of the ring, against what the system reads. */
static int verify(const char* path, int by_batch)
{
    const size_t whole = total, span = total < block * (size_t)depth ? total : block * (size_t)depth;
    unsigned char *seen = malloc(block), *wanted = malloc(block);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    int same = seen && wanted && fd >= 0 && cu_fill(memory, 0xA5, block * (size_t)depth) == 0;
    total = span;
    if (same) same = (by_batch ? by_batches(1) : by_threads(1)) > 0;
    /* One thread uses the first block alone: it holds the last one read. */
    for (size_t offset = by_batch ? 0 : (span - 1) / block * block; same && offset < span; offset += block)
    {
        const size_t size = span - offset < block ? span - offset : block;
        same = cu_copy_back(seen, memory + (by_batch ? offset : 0), size) == 0
            && pread(fd, wanted, size, (off_t)offset) == (ssize_t)size && memcmp(seen, wanted, size) == 0;
    }

    total = whole;
    if (fd >= 0) close(fd);
    free(seen);
    free(wanted);
    return same;
}

static int data;

static int by_size(const void* a, const void* b)
{
    const double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

/* The median of runs that all begin with none of the file in the page cache, which compatibility mode would read from. */
static double rate_of(double (*way)(int), int argument)
{
    double seconds[RUNS];
    for (int i = 0; i < RUNS; i++)
    {
        posix_fadvise(data, 0, 0, POSIX_FADV_DONTNEED);
        seconds[i] = way(argument);
        if (seconds[i] < 0) return -1;
    }

    qsort(seconds, RUNS, sizeof *seconds, by_size);
    return (double)total / seconds[RUNS / 2];
}

int main(int argc, char** argv)
{
    if (argc != 5)
    {
        fprintf(stderr, "usage: cufile_rate FILE BLOCK DEPTH BYTES\n");
        return 2;
    }

    block = strtoull(argv[2], NULL, 10);
    depth = atoi(argv[3]);
    total = strtoull(argv[4], NULL, 10);
    struct stat status;
    const int fd = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status)) fail("the file cannot be opened with O_DIRECT", errno);
    if ((size_t)status.st_size < total) total = (size_t)status.st_size;
    total &= ~(size_t)4095;
    if (block == 0 || block % 4096 || total == 0 || depth < 1 || depth > MOST_DEPTH) fail("BLOCK, DEPTH or BYTES is out of range", 0);

    load();
    int device;
    if (cu_init(0) || cu_device_get(&device, 0) || cu_ctx_retain(&context, device) || cu_ctx_set(context)) fail("no CUDA device", 0);
    configure();
    CuFileError e = driver_open();
    if (e.err) fail("cuFileDriverOpen", e.err);
    CuFileDescr descr = { .type = HANDLE_FD, .handle = { .fd = fd }, .fs_ops = NULL };
    e = handle_register(&file, &descr);
    if (e.err) fail("cuFileHandleRegister", e.err);
    const size_t bytes = block * (size_t)depth;
    if (cu_mem_alloc(&memory, bytes)) fail("cuMemAlloc", (long)bytes);
    e = buf_register((void*)memory, bytes, 0);
    if (e.err) fail("cuFileBufRegister", e.err);

    const int verified = verify(argv[1], 1) && verify(argv[1], 0);
    data = fd;
    const double one = rate_of(by_batches, 1);
    const double two = depth >= 2 ? rate_of(by_batches, 2) : 0;
    const double four = depth >= 4 ? rate_of(by_batches, 4) : 0;
    const double single = rate_of(by_batches, depth);
    const double threads = rate_of(by_threads, depth);
    const double rates[] = { one, two, four, single, threads };
    double most = 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) most = rates[i] > most ? rates[i] : most;
    printf(
        "{\"bytes_per_second\":%.0f,\"verified\":%s,\"block\":%zu,\"depth\":%d,\"bytes\":%zu,"
        "\"one_batch\":%.0f,\"two_batches\":%.0f,\"four_batches\":%.0f,\"single_entry_batches\":%.0f,\"threads\":%.0f}\n",
        most, verified ? "true" : "false", block, depth, total, one, two, four, single, threads);

    buf_deregister((void*)memory);
    handle_deregister(file);
    driver_close();
    cu_mem_free(memory);
    close(fd);
    return verified ? 0 : 1;
}
