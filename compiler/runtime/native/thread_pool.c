/* The thread pool: every thread has a share of the loop, cut into pieces, and helps the others when its own is used up.
 *
 *     caller                                            worker
 *     body, params, count, unfinished                   spins, then sleeps, until `order` changes
 *     one range of pieces per share                     wakes the workers that it is to wake
 *     order ------------------------------------------> takes pieces of its own share from the front,
 *     takes pieces likewise                             then of the others' from the back
 *     waits until unfinished == 0 <-------------------- unfinished -= pieces done
 *
 * A range is one word, so that a piece is claimed by one compare-and-swap and runs once whoever is late: a thread reads the loop only
 * after it has claimed a piece of it, and the caller stays in tw_parallel_for until no piece is unfinished. Nothing waits for a thread that
 * has not begun: a sleeping or preempted worker, or one that could not be started, finds its share done by the others. A thread claims a
 * quarter of what is left at once, so that little is waited for when it is late or loses its core.
 *
 * Waiting is spinning, then sleeping. A worker that has spun for a while gives way to whatever else wants its core; a thread that notices
 * that it had lost its core sleeps at once. How long a thread spins the next time depends on how that went.
 *
 * Workers keep off the caller's core. Where the system wakes a worker on that core, both stay there for several milliseconds, while the worker
 * waits for a turn and another core is idle: so it went for up to 23 of 40 timings of a kernel on two cores that nobody else used, which took
 * twice as long.
 */
#define _GNU_SOURCE
#include "tilewright_runtime.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 64, STACK_BYTES = 16 << 20, PAUSES_PER_CLOCK = 16, PIECES_PER_SHARE = 16, LEFT_PER_CLAIM = 4 };

enum { STOP = 0, FIRST_ORDER = 1 };

/* Spinning. Measured on a virtual machine of 2 cores (EPYC, Linux 6.18): waking a thread on a sleeping core costs the waker up to 45 us and
 * takes 130 us; waking one that spins, 0.2 us. */
static const double WORKER_SECS = 2e-3;      /* longer than what lies between two runs of a model */
static const double CALLER_SECS = 500e-6;    /* a worker that takes longer over its last piece has probably lost its core */
static const double ALONE_SECS = 50e-6;      /* without giving way */
static const double LOST_CORE_SECS = 100e-6; /* between two looks at the clock */
static const double LEAST_SECS = 20e-6;
static const double GAIN_SECS = 2e-6;

static const double LEAST_STAY_SECS = 1e-3; /* of workers, when callers on several cores take turns */

typedef struct {
    _Alignas(LINE_BYTES) _Atomic uint64_t range; /* pieces of the share that nobody has claimed: first << 32 | end */
    _Alignas(LINE_BYTES) _Atomic uint32_t asleep;
    int32_t index;
    int32_t started;
    double patience_secs;
    double most_patience_secs;
    tw_pool *pool;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
} tw_slot;

struct tw_pool {
    _Alignas(LINE_BYTES) _Atomic uint64_t order; /* number of the loop << 32 | its shares; or STOP */
    tw_loop_body body;
    void **params;
    int64_t count;
    int32_t shares; /* at most `threads` */
    _Alignas(LINE_BYTES) _Atomic uint64_t unfinished;
    _Alignas(LINE_BYTES) pthread_mutex_t callers; /* held during a loop */
    int32_t threads;
    int32_t launched;
    int32_t apart; /* whether workers are kept off the caller's core */
    int32_t caller_core;
    double moved_secs;
#ifdef __linux__
    cpu_set_t cores; /* that the pool's creator might use */
#endif
    uint32_t process;
    tw_slot *slots; /* the caller's is the first */
};

/* Counts forks: a child has its parent's pools but none of their threads, and mutexes in any state. */
static uint32_t process;
static pthread_once_t watch_forks = PTHREAD_ONCE_INIT;

static void count_fork(void) { process++; }

static void start_watching(void) { pthread_atfork(NULL, NULL, count_fork); }

static void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

double tw_clock_secs(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* What a thread waits for: that a word has the value, or has another. */
typedef struct {
    _Atomic uint64_t *word;
    uint64_t value;
    int equal;
} tw_event;

static int happened(tw_event event) { return (atomic_load(event.word) == event.value) == event.equal; }

static double least_of(double a, double b) { return a < b ? a : b; }

/* After spinning that was not disturbed; from ALONE_SECS on that tells that nothing else wants the core. */
static void gain_patience(tw_slot *slot, double spun_secs) {
    double gain_secs = spun_secs > ALONE_SECS ? slot->patience_secs : GAIN_SECS;
    slot->patience_secs = least_of(slot->patience_secs + gain_secs, slot->most_patience_secs);
}

/* False: time to sleep. A worker is expected to wait in vain now and then, the caller is not: both spin less the next time if the core was
 * wanted elsewhere meanwhile, the caller also if a worker seems to have lost its own. */
static int spin_until(tw_event event, tw_slot *slot) {
    double begin = tw_clock_secs(), before = begin, now = begin;
    while (now - begin < slot->patience_secs) {
        for (int i = 0; i < PAUSES_PER_CLOCK; i++) {
            if (happened(event)) {
                gain_patience(slot, now - begin);
                return 1;
            }
            pause_core();
        }
        now = tw_clock_secs();
        if (now - before > LOST_CORE_SECS) {
            slot->patience_secs = least_of(slot->patience_secs, LEAST_SECS);
            return 0;
        }
        before = now;
        if (slot->index > 0 && now - begin > ALONE_SECS) sched_yield();
    }
    if (slot->index > 0) gain_patience(slot, now - begin);
    else if (slot->patience_secs > LEAST_SECS) slot->patience_secs /= 2;
    return 0;
}

static void wait_until(tw_event event, tw_slot *slot) {
    if (happened(event) || spin_until(event, slot)) return;
    pthread_mutex_lock(&slot->mutex);
    for (;;) {
        atomic_store(&slot->asleep, 1);
        if (happened(event)) break;
        pthread_cond_wait(&slot->wake, &slot->mutex);
    }
    atomic_store(&slot->asleep, 0);
    pthread_mutex_unlock(&slot->mutex);
}

/* After the event: whoever falls asleep on it either is seen here, or sees the event. */
static void wake(tw_slot *slot) {
    if (!atomic_load(&slot->asleep) || !atomic_exchange(&slot->asleep, 0)) return;
    pthread_mutex_lock(&slot->mutex);
    pthread_cond_signal(&slot->wake);
    pthread_mutex_unlock(&slot->mutex);
}

/* Waking takes the waker several microseconds, so each thread wakes two others. */
static void wake_next(tw_pool *pool, int32_t index, int32_t shares) {
    for (int64_t next = 2 * (int64_t)index + 1; next <= 2 * (int64_t)index + 2 && next < shares; next++) wake(&pool->slots[next]);
}

/* Where the i-th of `parts` even parts begins. Not count * i / parts, which overflows for counts near the largest int64. */
static int64_t part_start(int64_t count, int64_t parts, int64_t i) {
    int64_t each = count / parts, rest = count % parts;
    return each * i + (i < rest ? i : rest);
}

static int64_t piece_count(int64_t iterations) { return iterations < PIECES_PER_SHARE ? iterations : PIECES_PER_SHARE; }

static void run_pieces(const tw_pool *pool, int32_t share, uint32_t first, uint32_t end) {
    int64_t start = part_start(pool->count, pool->shares, share);
    int64_t size = part_start(pool->count, pool->shares, share + 1) - start;
    int64_t pieces = piece_count(size);
    pool->body(pool->params, start + part_start(size, pieces, first), start + part_start(size, pieces, end));
}

/* Does all pieces that can be claimed. */
static void work(tw_pool *pool, int32_t index, int32_t shares) {
    uint64_t done = 0;
    for (int32_t i = 0; i < shares; i++) {
        int32_t share = index + i < shares ? index + i : index + i - shares;
        _Atomic uint64_t *range = &pool->slots[share].range;
        uint64_t seen = atomic_load(range);
        for (;;) {
            uint32_t first = (uint32_t)(seen >> 32), end = (uint32_t)seen;
            if (first == end) break;
            uint32_t taken = (end - first + LEFT_PER_CLAIM - 1) / LEFT_PER_CLAIM;
            uint32_t begin = i == 0 ? first : end - taken;
            uint64_t rest = i == 0 ? (uint64_t)(first + taken) << 32 | end : (uint64_t)first << 32 | begin;
            if (!atomic_compare_exchange_weak(range, &seen, rest)) continue;
            run_pieces(pool, share, begin, begin + taken);
            done += taken;
            seen = atomic_load(range);
        }
    }
    if (done && atomic_fetch_sub(&pool->unfinished, done) == done) wake(&pool->slots[0]);
}

static void *serve(void *argument) {
    tw_slot *slot = argument;
    tw_pool *pool = slot->pool;
    uint64_t order = (uint64_t)FIRST_ORDER << 32;
    for (;;) {
        wait_until((tw_event){&pool->order, order, 0}, slot);
        order = atomic_load(&pool->order);
        if (order == STOP) return NULL;
        int32_t shares = (int32_t)(uint32_t)order;
        if (slot->index >= shares) continue;
        wake_next(pool, slot->index, shares);
        work(pool, slot->index, shares);
    }
}

static int32_t usable_cores(void) {
#ifdef __linux__
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
#endif
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int32_t)online : 1;
}

tw_pool *tw_pool_create(int32_t threads) {
    if (threads < 1) threads = 1;
    pthread_once(&watch_forks, start_watching);
    tw_pool *pool = aligned_alloc(LINE_BYTES, sizeof *pool);
    tw_slot *slots = aligned_alloc(LINE_BYTES, (size_t)threads * sizeof *slots);
    if (!pool || !slots) {
        free(pool);
        free(slots);
        return NULL;
    }
    int spinning = threads <= usable_cores(); /* with fewer cores a spinning thread keeps another from working */
    *pool = (tw_pool){.threads = threads, .apart = spinning, .caller_core = -1, .process = process, .slots = slots};
#ifdef __linux__
    pool->apart = pool->apart && sched_getaffinity(0, sizeof pool->cores, &pool->cores) == 0;
#endif
    atomic_init(&pool->order, (uint64_t)FIRST_ORDER << 32);
    atomic_init(&pool->unfinished, 0);
    pthread_mutex_init(&pool->callers, NULL);
    for (int32_t i = 0; i < threads; i++) {
        double patience_secs = !spinning ? 0.0 : i == 0 ? CALLER_SECS : WORKER_SECS;
        slots[i] = (tw_slot){.index = i, .patience_secs = patience_secs, .most_patience_secs = patience_secs, .pool = pool};
        atomic_init(&slots[i].range, 0);
        atomic_init(&slots[i].asleep, 0);
        pthread_mutex_init(&slots[i].mutex, NULL);
        pthread_cond_init(&slots[i].wake, NULL);
    }
    return pool;
}

/* Starts the workers with every signal blocked: signals are the program's own threads' affair. */
static void launch(tw_pool *pool) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (int32_t i = 1; i < pool->threads; i++) {
        tw_slot *slot = &pool->slots[i];
        slot->started = pthread_create(&slot->thread, &attributes, serve, slot) == 0;
    }
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pool->launched = 1;
}

/* Leaves the caller's core to the caller; the others are for the workers to share. */
static void keep_workers_apart(tw_pool *pool) {
#ifdef __linux__
    if (!pool->apart) return;
    int core = sched_getcpu();
    if (core < 0 || core == pool->caller_core) return;
    double now = tw_clock_secs();
    if (pool->caller_core >= 0 && now - pool->moved_secs < LEAST_STAY_SECS) return;
    cpu_set_t cores = pool->cores;
    CPU_CLR(core, &cores);
    if (CPU_COUNT(&cores) == 0) return;
    for (int32_t i = 1; i < pool->threads; i++)
        if (pool->slots[i].started) pthread_setaffinity_np(pool->slots[i].thread, sizeof cores, &cores);
    pool->caller_core = core;
    pool->moved_secs = now;
#endif
}

void tw_pool_destroy(tw_pool *pool) {
    if (!pool) return;
    atomic_store(&pool->order, STOP);
    int own = pool->process == process;
    for (int32_t i = 1; i < pool->threads && own; i++) {
        wake(&pool->slots[i]);
        if (pool->slots[i].started) pthread_join(pool->slots[i].thread, NULL);
    }
    for (int32_t i = 0; i < pool->threads && own; i++) {
        pthread_cond_destroy(&pool->slots[i].wake);
        pthread_mutex_destroy(&pool->slots[i].mutex);
    }
    if (own) pthread_mutex_destroy(&pool->callers);
    free(pool->slots);
    free(pool);
}

int32_t tw_pool_threads(const tw_pool *pool) { return pool ? pool->threads : 1; }

void tw_parallel_for(tw_pool *pool, tw_loop_body body, void **params, int64_t count) {
    if (count <= 0) return;
    if (!pool || pool->threads == 1 || count == 1 || pool->process != process) {
        body(params, 0, count);
        return;
    }
    pthread_mutex_lock(&pool->callers);
    if (!pool->launched) launch(pool);
    keep_workers_apart(pool);
    int32_t shares = count < pool->threads ? (int32_t)count : pool->threads;
    pool->body = body;
    pool->params = params;
    pool->count = count;
    pool->shares = shares;
    uint64_t unfinished = 0, pieces[2] = {(uint64_t)piece_count(count / shares), (uint64_t)piece_count(count / shares + 1)};
    for (int32_t i = 0; i < shares; i++) unfinished += pieces[i < count % shares];
    atomic_store_explicit(&pool->unfinished, unfinished, memory_order_relaxed);
    for (int32_t i = 0; i < shares; i++) atomic_store_explicit(&pool->slots[i].range, pieces[i < count % shares], memory_order_release);
    uint64_t number = (atomic_load_explicit(&pool->order, memory_order_relaxed) >> 32) + 1;
    atomic_store(&pool->order, (number & UINT32_MAX) << 32 | (uint32_t)shares);
    wake_next(pool, 0, shares);
    work(pool, 0, shares);
    wait_until((tw_event){&pool->unfinished, 0, 1}, &pool->slots[0]);
    pthread_mutex_unlock(&pool->callers);
}

double tw_time_calls(tw_kernel kernel, void **params, tw_pool *pool, int64_t number) {
    if (number < 1) number = 1;
    double begin = tw_clock_secs();
    for (int64_t i = 0; i < number; i++) kernel(params, pool);
    return (tw_clock_secs() - begin) / (double)number;
}
