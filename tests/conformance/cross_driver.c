/* Runs kernels that were compiled for another machine, each in a child process of its own, its buffers between unreadable pages.
 *
 *     driver CASES INPUTS OUTPUTS
 *
 * CASES is text, one case after the other, each with its number in `cross_kernels`:
 *     threads buffers pack_params params
 *     per buffer: bytes, offset in INPUTS or -1, offset in OUTPUTS or -1, 1 if packing writes it
 *     the buffers that the pack function takes, then those of the kernel
 * Out: the outputs' bytes in OUTPUTS, and per case a line "case status": 0 where it ran, else as waitpid tells.
 * Linked with the runtime, the kernels, and a table of them that `cross_batch.py` writes.
 */
#define _GNU_SOURCE
#include "tilewright_runtime.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 65536, ALIGNMENT = 64, GARBAGE = 0xa5, MOST = 64, CPU_SECS = 120, WAITING_SECS = 3000 };

typedef struct {
    tw_kernel pack;
    tw_kernel main;
} cross_kernel;

extern const cross_kernel cross_kernels[];

typedef struct {
    long long bytes, input, output;
    int packed;
    uint8_t *block, *data;
    size_t body;
} buffer;

typedef struct {
    int threads, buffers, pack_params, params;
    buffer buffer[MOST];
    int pack_param[MOST], param[MOST];
} a_case;

static int read_case(FILE *file, a_case *one) {
    if (fscanf(file, "%d %d %d %d", &one->threads, &one->buffers, &one->pack_params, &one->params) != 4) return 0;
    if (one->buffers > MOST || one->pack_params > MOST || one->params > MOST) abort();
    for (int i = 0; i < one->buffers; i++) {
        buffer *b = &one->buffer[i];
        if (fscanf(file, "%lld %lld %lld %d", &b->bytes, &b->input, &b->output, &b->packed) != 4) abort();
    }
    for (int i = 0; i < one->pack_params; i++) if (fscanf(file, "%d", &one->pack_param[i]) != 1) abort();
    for (int i = 0; i < one->params; i++) if (fscanf(file, "%d", &one->param[i]) != 1) abort();
    return 1;
}

static void guard(const buffer *b, int access) {
    if (b->body && mprotect(b->block + PAGE, b->body, access)) abort();
}

static void allocate(buffer *b, const uint8_t *inputs) {
    b->body = ((size_t)b->bytes + PAGE - 1) / PAGE * PAGE;
    b->block = mmap(NULL, b->body + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->block == MAP_FAILED) abort();
    guard(b, PROT_READ | PROT_WRITE);
    b->data = b->block + PAGE + (b->body - (size_t)b->bytes) / ALIGNMENT * ALIGNMENT;
    if (b->body) memset(b->block + PAGE, GARBAGE, b->body);
    if (b->input < 0) return;
    memcpy(b->data, inputs + b->input, (size_t)b->bytes);
    guard(b, PROT_READ);
}

static void call(tw_kernel kernel, a_case *one, const int *chosen, int count, tw_pool *pool) {
    void *params[MOST];
    for (int i = 0; i < count; i++) params[i] = one->buffer[chosen[i]].data;
    kernel(params, pool);
}

/* Of processor time, since a machine that is busy, or stops the tests for a while, is no fault of a kernel; only waiting is told by the clock. */
static void limit_time(void) {
    struct itimerval limit = {.it_value = {.tv_sec = CPU_SECS}};
    setitimer(ITIMER_PROF, &limit, NULL);
    alarm(WAITING_SECS);
}

static int run(a_case *one, const cross_kernel *kernel, const uint8_t *inputs, int outputs) {
    tw_pool *pool = one->threads > 1 ? tw_pool_create(one->threads) : NULL;
    limit_time();
    for (int i = 0; i < one->buffers; i++) allocate(&one->buffer[i], inputs);
    if (kernel->pack) call(kernel->pack, one, one->pack_param, one->pack_params, pool);
    for (int i = 0; i < one->buffers; i++) if (one->buffer[i].packed) guard(&one->buffer[i], PROT_READ);
    call(kernel->main, one, one->param, one->params, pool);
    for (int i = 0; i < one->buffers; i++) {
        const buffer *b = &one->buffer[i];
        if (b->output >= 0 && pwrite(outputs, b->data, (size_t)b->bytes, b->output) != b->bytes) return 3;
    }
    return 0;
}

int main(int count, char **words) {
    static a_case one;
    if (count != 4) return 2;
    FILE *cases = fopen(words[1], "r");
    int data = open(words[2], O_RDONLY), outputs = open(words[3], O_RDWR);
    if (!cases || data < 0 || outputs < 0) return 2;
    off_t size = lseek(data, 0, SEEK_END);
    const uint8_t *inputs = size ? mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, data, 0) : NULL;
    if (inputs == MAP_FAILED) return 2;
    for (int number = 0; read_case(cases, &one); number++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) _exit(run(&one, &cross_kernels[number], inputs, outputs));
        int status = -1;
        if (child < 0 || waitpid(child, &status, 0) != child) return 2;
        printf("%d %d\n", number, status);
    }
    return 0;
}
