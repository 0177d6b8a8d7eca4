/* The program that a device runs to time candidates of one workload: loads them, calls them, compares their outputs, prints times.
 *
 * In: a job on standard input, written by measure/remote/job_text.py; files in the working folder: `inputs` and `outputs` (arrays one after the
 * other, each at a multiple of 64 bytes), and the candidates as shared libraries. Out: one line per candidate on standard output, read there too:
 *
 *     times STOPPED_EARLY ERROR SECONDS...      ERROR: largest error relative to the largest output, inf, or - where none was asked for
 *
 * The rules of sampling are those of measure/sampling.py and measure/sequential_rule.py. Exit codes: 0, or 3 with a line on standard error. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tilewright_runtime.h"

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20, MAX_COPIES = 64, MAX_CALLS = 100000, MAX_SAMPLES = 256, FORMAT = 2 };
static const double HOPELESS = 10.0, ALPHA = 0.02;

typedef struct {
    char role; /* a: argument, p: packed, o: output, w: workspace */
    int index;
    int64_t bytes;
} param;

typedef struct {
    int count;
    param *params;
} param_list;

typedef struct {
    char role;
    int index;
    int64_t bytes;
    char *place;
} buffer;

typedef struct {
    tw_kernel run;
    buffer *buffers;
    int buffer_count;
    int copies;
    int turn;
    void ***params; /* one list of addresses per copy of the weights */
} kernel;

typedef struct {
    int64_t bytes;
    int constant;
    char kind; /* f: float, other: compared by bytes */
    int item;
} tensor;

typedef struct {
    double sample_secs;
    int min_samples;
    int max_samples;
    double budget_secs;
} sampling;

/* verify_below: infinity for any. best: samples of the fastest candidate so far. */
typedef struct {
    double abandon_above;
    double verify_below;
    int best_count;
    double best[MAX_SAMPLES];
} limits;

static int input_count, output_count;
static tensor *inputs, *outputs;
static const char *input_data, *output_data;
static int64_t footprint_bytes;
static tw_pool *pool;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(3);
}

static int64_t align_up(int64_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static void *allocate(int64_t size) {
    int large = size >= HUGE_PAGE;
    int64_t alignment = large ? HUGE_PAGE : ALIGNMENT;
    void *block = NULL;
    if (posix_memalign(&block, (size_t)alignment, (size_t)((size + alignment - 1) / alignment * alignment + alignment)) != 0)
        fail("out of memory: %lld bytes for the buffers of a candidate", (long long)size);
    if (large) madvise(block, (size_t)size, MADV_HUGEPAGE);
    memset(block, 0, (size_t)size);
    return block;
}

static const char *map_file(const char *name, int64_t expected) {
    int descriptor = open(name, O_RDONLY);
    struct stat facts;
    if (descriptor < 0 || fstat(descriptor, &facts) != 0) fail("cannot open %s: %s", name, strerror(errno));
    if (facts.st_size < expected) fail("%s has %lld bytes, %lld are needed", name, (long long)facts.st_size, (long long)expected);
    if (expected == 0) return "";
    void *data = mmap(NULL, (size_t)expected, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) fail("cannot map %s: %s", name, strerror(errno));
    close(descriptor);
    return data;
}

static void expect(const char *word) {
    char found[64];
    if (scanf("%63s", found) != 1 || strcmp(found, word) != 0) fail("the job has %s where %s should be", found, word);
}

static long long whole(void) {
    long long value;
    if (scanf("%lld", &value) != 1) fail("the job lacks a whole number");
    return value;
}

static double number(void) {
    double value;
    if (scanf("%lf", &value) != 1) fail("the job lacks a number");
    return value;
}

static int64_t read_tensors(const char *word, int *count, tensor **tensors) {
    int64_t total = 0;
    expect(word);
    *count = (int)whole();
    *tensors = calloc((size_t)*count + 1, sizeof(tensor));
    for (int i = 0; i < *count; i++) {
        tensor *it = &(*tensors)[i];
        it->bytes = whole();
        it->constant = (int)whole();
        if (scanf(" %c", &it->kind) != 1) fail("the job lacks a kind");
        it->item = (int)whole();
        total += align_up(it->bytes);
    }
    return total;
}

static param_list read_params(void) {
    param_list list = {(int)whole(), NULL};
    list.params = calloc((size_t)list.count + 1, sizeof(param));
    for (int i = 0; i < list.count; i++) {
        if (scanf(" %c", &list.params[i].role) != 1) fail("the job lacks a role");
        list.params[i].index = (int)whole();
        list.params[i].bytes = whole();
    }
    return list;
}

/* Where array number `index` starts in a file of arrays. */
static int64_t offset_of(const tensor *tensors, int index) {
    int64_t offset = 0;
    for (int i = 0; i < index; i++) offset += align_up(tensors[i].bytes);
    return offset;
}

static buffer *find_buffer(kernel *k, char role, int index) {
    for (int i = 0; i < k->buffer_count; i++)
        if (k->buffers[i].role == role && k->buffers[i].index == index) return &k->buffers[i];
    return NULL;
}

static void want_buffers(kernel *k, const param_list *list) {
    for (int i = 0; i < list->count; i++) {
        const param *p = &list->params[i];
        buffer *b = find_buffer(k, p->role, p->index);
        if (b == NULL) {
            b = &k->buffers[k->buffer_count++];
            *b = (buffer){p->role, p->index, p->bytes, NULL};
        } else if (p->bytes > b->bytes) {
            b->bytes = p->bytes;
        }
    }
}

static void **addresses(kernel *k, const param_list *list) {
    void **found = calloc((size_t)list->count + 1, sizeof(void *));
    for (int i = 0; i < list->count; i++) found[i] = find_buffer(k, list->params[i].role, list->params[i].index)->place;
    return found;
}

static void place_buffers(kernel *k) {
    int64_t total = 0;
    for (int i = 0; i < k->buffer_count; i++) total += align_up(k->buffers[i].bytes);
    char *memory = allocate(total);
    for (int i = 0; i < k->buffer_count; i++) {
        buffer *b = &k->buffers[i];
        b->place = memory;
        memory += align_up(b->bytes);
        if (b->role != 'a') continue;
        if (b->index >= input_count || inputs[b->index].bytes != b->bytes) fail("argument %d has another size than its input", b->index);
        memcpy(b->place, input_data + offset_of(inputs, b->index), (size_t)b->bytes);
    }
}

static int is_weight(const param *p) { return p->role == 'p' || (p->role == 'a' && inputs[p->index].constant); }

/* Copies of the weights, as many as fill the footprint, so that a call finds its own as cold as in the whole model. */
static void copy_weights(kernel *k, const param_list *list) {
    int64_t size = 0;
    for (int i = 0; i < list->count; i++)
        if (is_weight(&list->params[i])) size += align_up(list->params[i].bytes);
    int64_t copies = size > 0 ? (footprint_bytes + size - 1) / size : 1;
    k->copies = (int)(copies < 1 ? 1 : copies > MAX_COPIES ? MAX_COPIES : copies);
    k->params = calloc((size_t)k->copies, sizeof(void **));
    k->params[0] = addresses(k, list);
    for (int copy = 1; copy < k->copies; copy++) {
        char *memory = allocate(size);
        k->params[copy] = addresses(k, list);
        for (int i = 0; i < list->count; i++) {
            const param *p = &list->params[i];
            if (!is_weight(p)) continue;
            memcpy(memory, k->params[0][i], (size_t)p->bytes);
            k->params[copy][i] = memory;
            memory += align_up(p->bytes);
        }
    }
}

static tw_kernel find_function(void *library, const char *path, const char *symbol) {
    tw_kernel function = NULL;
    *(void **)&function = dlsym(library, symbol);
    if (function == NULL) fail("%s has no function %s", path, symbol);
    return function;
}

static void read_kernel(kernel *k) {
    char path[80] = "./", symbol[128], pack_symbol[128];
    expect("candidate");
    if (scanf("%64s %127s %127s", path + 2, symbol, pack_symbol) != 3) fail("the job lacks a candidate's names");
    param_list params = read_params(), pack_params = read_params();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fail("the candidate cannot be loaded: %s", dlerror());
    k->run = find_function(library, path, symbol);
    k->buffers = calloc((size_t)(params.count + pack_params.count) + 1, sizeof(buffer));
    want_buffers(k, &params);
    want_buffers(k, &pack_params);
    place_buffers(k);
    if (strcmp(pack_symbol, "-") != 0) find_function(library, path, pack_symbol)(addresses(k, &pack_params), pool);
    copy_weights(k, &params);
}

static double time_calls(kernel *k, int64_t count) {
    if (k->copies == 1) return tw_time_calls(k->run, k->params[0], pool, count);
    double total = 0.0;
    for (int64_t i = 0; i < count; i++) {
        k->turn = (k->turn + 1) % k->copies;
        total += tw_time_calls(k->run, k->params[k->turn], pool, 1);
    }
    return total / (double)count;
}

static int64_t calls_per_sample(kernel *k, double sample_secs, double first, double *estimate) {
    *estimate = first;
    if (first < sample_secs) {
        double calls = ceil(0.1 * sample_secs / fmax(first, 1e-9));
        *estimate = fmin(first, time_calls(k, (int64_t)fmax(1, fmin(16, calls))));
    }
    *estimate = fmax(*estimate, 1e-9);
    return (int64_t)fmax(1, fmin(MAX_CALLS, ceil(sample_secs / *estimate)));
}

/* As measure/sequential_rule.py: could so many samples come from a kernel as fast as the best one? (b + n choose n) / (k + n choose n) */
static int is_behind(const double *samples, int count, const limits *l) {
    double fastest = INFINITY, best = INFINITY, chance = 1.0;
    int above = 0;
    for (int i = 0; i < count; i++) fastest = fmin(fastest, samples[i]);
    for (int i = 0; i < l->best_count; i++) {
        best = fmin(best, l->best[i]);
        above += l->best[i] >= fastest;
    }
    if (count == 0 || l->best_count == 0 || fastest <= best) return 0;
    for (int i = 1; i <= count; i++) chance *= (double)(above + i) / (double)(l->best_count + i);
    return chance < ALPHA;
}

static int take_samples(kernel *k, sampling s, const limits *l, double *taken, int *stopped_early) {
    double first = time_calls(k, 1), estimate;
    *stopped_early = 0;
    if (first > l->abandon_above) {
        double again = first > HOPELESS * l->abandon_above ? first : time_calls(k, 1);
        if (fmin(first, again) > l->abandon_above) {
            *stopped_early = 1;
            taken[0] = fmin(first, again);
            return 1;
        }
    }
    int64_t calls = calls_per_sample(k, s.sample_secs, first, &estimate);
    double fitting = floor(s.budget_secs / ((double)calls * estimate)), wanted = fmax(s.min_samples, fmin(s.max_samples, fitting));
    int count = 0;
    while (count < wanted && !*stopped_early) {
        taken[count++] = time_calls(k, calls);
        *stopped_early = is_behind(taken, count, l);
    }
    return count;
}

static float from_half(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return (float)(bits >> 15 ? -value : value);
}

static double element(const char *data, int item, int64_t i) {
    switch (item) {
        case 2: return from_half(((const uint16_t *)data)[i]);
        case 4: return ((const float *)data)[i];
        default: return ((const double *)data)[i];
    }
}

/* As measure/verify.py: infinity where no number tells the difference. */
static double relative_error(const char *got, const char *want, const tensor *t) {
    if (t->kind != 'f') return memcmp(got, want, (size_t)t->bytes) == 0 ? 0.0 : INFINITY;
    double largest = 0.0, scale = 0.0;
    for (int64_t i = 0; i < t->bytes / t->item; i++) {
        double mine = element(got, t->item, i), right = element(want, t->item, i);
        if (!isfinite(right)) {
            if (!(mine == right || (isnan(mine) && isnan(right)))) return INFINITY;
            continue;
        }
        double difference = fabs(mine - right);
        if (!isfinite(difference)) return INFINITY;
        largest = fmax(largest, difference);
        scale = fmax(scale, fabs(right));
    }
    return scale > 0.0 ? largest / scale : largest;
}

/* Runs once more over outputs that hold no trace of an answer. */
static double verify(kernel *k) {
    double worst = 0.0;
    for (int i = 0; i < output_count; i++) {
        buffer *b = find_buffer(k, 'o', i);
        if (b == NULL || b->bytes != outputs[i].bytes) fail("the candidate has no output %d of %lld bytes", i, (long long)outputs[i].bytes);
        memset(b->place, 0xFF, (size_t)b->bytes);
    }
    k->run(k->params[0], pool);
    for (int i = 0; i < output_count; i++)
        worst = fmax(worst, relative_error(find_buffer(k, 'o', i)->place, output_data + offset_of(outputs, i), &outputs[i]));
    return worst;
}

static void print_times(int stopped_early, double error, const double *times, int count) {
    printf("times %d ", stopped_early);
    if (error < 0) printf("-");
    else printf("%.17g", error);
    for (int i = 0; i < count; i++) printf(" %.17g", times[i]);
    printf("\n");
}

static void run_one(kernel *k, sampling s, const limits *l) {
    double taken[MAX_SAMPLES], best = INFINITY;
    int stopped_early, count = take_samples(k, s, l, taken, &stopped_early);
    for (int i = 0; i < count; i++) best = fmin(best, taken[i]);
    print_times(stopped_early, !stopped_early && best < l->verify_below ? verify(k) : -1.0, taken, count);
}

/* A B C C B A ..., so that drift of the machine hits all alike. */
static void compare(kernel *kernels, int count, int rounds, double sample_secs) {
    double *errors = calloc((size_t)count, sizeof(double)), *taken = calloc((size_t)count * (size_t)rounds, sizeof(double)), estimate;
    int64_t *calls = calloc((size_t)count, sizeof(int64_t));
    for (int i = 0; i < count; i++) errors[i] = verify(&kernels[i]);
    for (int i = 0; i < count; i++) calls[i] = calls_per_sample(&kernels[i], sample_secs, time_calls(&kernels[i], 1), &estimate);
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count; i++) {
            int position = round % 2 ? count - 1 - i : i;
            time_calls(&kernels[position], 1); /* the others have taken the caches */
            taken[position * rounds + round] = time_calls(&kernels[position], calls[position]);
        }
    }
    for (int i = 0; i < count; i++) print_times(0, errors[i], taken + i * rounds, rounds);
}

int main(void) {
    expect("tilewright-job");
    if (whole() != FORMAT) fail("this program reads jobs of format %d only", FORMAT);
    expect("threads");
    int threads = (int)whole();
    expect("footprint");
    footprint_bytes = whole();
    expect("sampling");
    sampling s = {number(), (int)whole(), (int)whole(), number()};
    if (s.max_samples > MAX_SAMPLES || s.min_samples > MAX_SAMPLES) fail("at most %d samples are taken", MAX_SAMPLES);
    expect("limits");
    static limits l;
    l.abandon_above = number();
    l.verify_below = number();
    l.best_count = (int)whole();
    if (l.best_count > MAX_SAMPLES) fail("at most %d samples of the best candidate are looked at", MAX_SAMPLES);
    for (int i = 0; i < l.best_count; i++) l.best[i] = number();
    expect("rounds");
    int rounds = (int)whole();
    int64_t input_bytes = read_tensors("inputs", &input_count, &inputs), output_bytes = read_tensors("outputs", &output_count, &outputs);
    input_data = map_file("inputs", input_bytes);
    output_data = map_file("outputs", output_bytes);
    if (threads > 1 && (pool = tw_pool_create(threads)) == NULL) fail("out of memory: a pool of %d threads", threads);
    expect("candidates");
    int count = (int)whole();
    kernel *kernels = calloc((size_t)count + 1, sizeof(kernel));
    for (int i = 0; i < count; i++) read_kernel(&kernels[i]);
    if (rounds > 0) compare(kernels, count, rounds, s.sample_secs);
    else run_one(&kernels[0], s, &l);
    fflush(stdout);
    _exit(0);
}
