/* Choose the instruction set once, and run a time loop on a team of threads. The team is torch's own OpenMP pool if it can
 * be found, since two pools on the same cores would wait for each other. */
#include <stddef.h>
#include <string.h>

#include "recurrence.h"

#ifdef CHARLM_X86
#include "cpu.h"
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
__declspec(dllimport) int __stdcall SwitchToThread(void); /* all that is needed of windows.h */
static void yield(void) { SwitchToThread(); }
#else
#include <sched.h>
#define EXPORT __attribute__((visibility("default")))
static void yield(void) { sched_yield(); }
#endif

typedef void loop(const void *, struct team *); /* the first argument is one of the structs of recurrence.h */
typedef void pack(const float *, float *, int64_t, int64_t, int64_t);
enum { STACK_DRAW = 2 * CELLS, GUIDE_FORWARD, GUIDE_BACKWARD, LOOPS }; /* after two loops of each cell */

/* Something of each cell, in the order of `enum cell`. */
#define EACH_CELL(of, v) of(gru, v), of(lstm, v), of(rnn, v), of(gru_simple, v), of(gru_cho, v), of(mingru, v), of(minlstm, v)
#define BOTH(cell, v) cell##_forward_##v, cell##_backward_##v
#define CELL_LOOPS(v) EACH_CELL(BOTH, v)
#define DECLARE(v)                                                             \
    loop CELL_LOOPS(v), stack_draw_##v, guide_forward_##v, guide_backward_##v; \
    pack pack_##v;
#define TABLE(v) {CELL_LOOPS(v), stack_draw_##v, guide_forward_##v, guide_backward_##v}

DECLARE(baseline)
#ifdef CHARLM_X86
DECLARE(avx2)
DECLARE(avx512)
enum { BASELINE, AVX2, AVX512, VARIANTS };
static loop *const table[VARIANTS][LOOPS] = {TABLE(baseline), TABLE(avx2), TABLE(avx512)};
static pack *const packs[VARIANTS] = {pack_baseline, pack_avx2, pack_avx512};
static const char *const names[VARIANTS] = {"baseline", "avx2", "avx512"};
#else
enum { BASELINE, VARIANTS };
static loop *const table[VARIANTS][LOOPS] = {TABLE(baseline)};
static pack *const packs[VARIANTS] = {pack_baseline};
static const char *const names[VARIANTS] = {"baseline"};
#endif

/* The loops with operands of bfloat16. A compiler that does not support bfloat16 leaves the table empty. */
#ifdef CHARLM_BF16
DECLARE(bf16)
static loop *const half[LOOPS] = {CELL_LOOPS(bf16)};
#else
static loop *const half[LOOPS] = {0};
#endif

/* Return the number of this interface. library.py loads no other one, such as that of older sources. */
EXPORT int revision(void) { return 7; }

#define NAMES_OF(cell, unused) #cell "_forward", #cell "_backward"
static const char *const loops[LOOPS] = {EACH_CELL(NAMES_OF, ), "stack_draw", NAMES_OF(guide, )};

/* Return the number of a loop, which `run` takes, or -1. */
EXPORT int number_of(const char *loop) {
    for (int number = 0; number < LOOPS; number++)
        if (!strcmp(loops[number], loop)) return number;
    return -1;
}

static int chosen = -1;

/* Choose the instruction set `wanted`, or the widest one if the processor lacks that or it is negative; return its number. */
EXPORT int choose(int wanted) {
    int best = BASELINE;
#ifdef CHARLM_X86
    int features = cpu_features();
    best = features & HAS_AVX512 ? AVX512 : features & HAS_AVX2 ? AVX2 : BASELINE;
#endif
    chosen = wanted < 0 || wanted > best ? best : wanted;
    return chosen;
}

/* Return whether the chosen instruction set multiplies bfloat16. */
EXPORT int has_half(void) {
#ifdef CHARLM_BF16
    return chosen == AVX512 && cpu_features() & HAS_BF16;
#else
    return 0;
#endif
}

EXPORT const char *name_of(int variant) { return names[variant]; }

static void pause_a_little(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* A barrier: wait until every thread of the team has reached as many barriers as this one. */
void meet(struct team *team) {
    if (team->size == 1) return;
    team->rounds++;
    __atomic_add_fetch(team->arrived, 1, __ATOMIC_ACQ_REL);
    for (int64_t spins = 0; __atomic_load_n(team->arrived, __ATOMIC_ACQUIRE) < team->rounds * team->size; spins++)
        if (spins < 2000)
            pause_a_little();
        else
            yield(); /* another program may need the core */
}

typedef void parallel(void (*)(void *), void *, unsigned, unsigned);
typedef int number(void);

struct job {
    loop *run;
    const void *it;
    number *thread_number, *team_size;
    int64_t arrived;
};

static void work(void *data) {
    struct job *job = data;
    struct team team = {job->thread_number(), job->team_size(), 0, &job->arrived};
    job->run(job->it, &team);
}

/* Run loop `which` with operands of bfloat16 or float. start, thread_number, team_size: functions of OpenMP,
 * or NULL for one thread. */
EXPORT void run(int which, int bfloat16, const void *it, unsigned threads, parallel *start, number *thread_number,
                number *team_size) {
    struct job job = {(bfloat16 ? half : table[chosen])[which], it, thread_number, team_size, 0};
    if (threads > 1 && start) {
        start(work, &job, threads, 0);
    } else {
        struct team alone = {0, 1, 0, &job.arrived};
        job.run(it, &alone);
    }
}

/* Pack weights (gates · units, inner) in the order in which the product of a step reads them. */
EXPORT void pack_weights(const float *w, float *to, int64_t gates, int64_t units, int64_t inner) {
    packs[chosen](w, to, gates, units, inner);
}
