/* The native runtime that every compiled kernel and model runs on: a thread pool, and a loop that times a kernel.
 *
 * Plain C11 with pthreads, no other dependency; the same source serves this process (as a shared library) and every exported model (compiled in).
 */
#ifndef TILEWRIGHT_RUNTIME_H
#define TILEWRIGHT_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_pool tw_pool;

/* Some iterations of a parallel loop: lo <= i < hi. */
typedef void (*tw_loop_body)(void **params, int64_t lo, int64_t hi);

/* A kernel: one pointer per parameter, every buffer dense, row-major and 64-byte aligned. */
typedef void (*tw_kernel)(void **params, tw_pool *pool);

/* A pool in which the caller of tw_parallel_for is one of `threads` threads (at least 1). The others start at the first parallel loop.
 * NULL: out of memory. */
tw_pool *tw_pool_create(int32_t threads);

/* Ends and joins the threads (in a forked child: frees memory only). No parallel loop may be running. NULL is allowed. */
void tw_pool_destroy(tw_pool *pool);

/* The number of threads, the caller included; 1 for NULL. */
int32_t tw_pool_threads(const tw_pool *pool);

/* Calls body on pieces of [0, count), each iteration once, and returns when all are done.
 *
 * Every thread has a contiguous share, the shares differ by at most one iteration; whoever is done with its own takes from the others'.
 * pool == NULL, one thread or count == 1, or a pool made before this process was forked: one call of body, inline. Loops of several callers
 * on one pool run one after the other. body must not call tw_parallel_for on the same pool. The stacks of the pool's threads have 16 MiB. */
void tw_parallel_for(tw_pool *pool, tw_loop_body body, void **params, int64_t count);

/* Monotonic clock in seconds. */
double tw_clock_secs(void);

/* Calls the kernel `number` times (at least 1); the mean of their seconds. */
double tw_time_calls(tw_kernel kernel, void **params, tw_pool *pool, int64_t number);

#ifdef __cplusplus
}
#endif

#endif
