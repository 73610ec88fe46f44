/* The threads of one training. Each takes its share of every operation: some samples, or some
 * columns of a result. No sum is divided between threads, so that every number is the same to the
 * bit whatever their number is. They live for one call, and there are none between calls. */
#if !defined(_WIN32)
#include <pthread.h>
#include <time.h>
#endif
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Samples are handed out in whole parts, and of each part there is one sum of losses. */
enum { MOST_THREADS = 64, SAMPLES_OF_PART = 8 };

struct Team {
    int64_t size;     /* threads, the caller's included */
    int64_t spins;    /* how often one looks for the others before it lets go of its core */
    uint32_t arrived; /* at the next meeting */
    uint32_t meetings, sleepers;
};

/* Entries `first` to `end`, which is not one of them. */
struct Span { int64_t first, end; };

/* One thread, and what is its own. */
struct Worker {
    const struct Run *run;
    struct Team *team;
    int64_t number;   /* 0: the caller's thread */
    real *pack;       /* room for the panel that is read again and again */
    struct Span rows; /* of the batch at hand */
    const int64_t *order; /* the numbers of its samples; NULL: 0, 1, 2, … */
    int is_open;      /* whether there was anything since the last meeting */
};

INLINE int64_t count_of(struct Span s) { return s.end - s.first; }

/* A thread's share of so many entries, in whole units. */
static struct Span share(const struct Worker *w, int64_t entries, int64_t unit)
{
    int64_t units = (entries + unit - 1) / unit, size = w->team->size;
    if (size == 1) /* without divisions, which a short step would feel */
        return (struct Span){0, entries};
    int64_t first = units * w->number / size * unit, end = units * (w->number + 1) / size * unit;
    return (struct Span){smaller(first, entries), smaller(end, entries)};
}

/* What one thread does, while the others have nothing of it. */
static struct Span share_of_one(const struct Worker *w, int64_t entries)
{
    return (struct Span){0, w->number == 0 ? entries : 0};
}

INLINE void pause_a_moment(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Until it is woken, or `meetings` is no longer `before`. */
static void sleep_until(struct Team *t, uint32_t before)
{
    __atomic_add_fetch(&t->sleepers, 1, __ATOMIC_SEQ_CST);
#if defined(__linux__)
    syscall(SYS_futex, &t->meetings, FUTEX_WAIT_PRIVATE, before, NULL, NULL, 0);
#elif !defined(_WIN32)
    enum { NANOSECONDS = 20000 };
    if (__atomic_load_n(&t->meetings, __ATOMIC_SEQ_CST) == before)
        nanosleep(&(struct timespec){0, NANOSECONDS}, NULL);
#endif
    __atomic_sub_fetch(&t->sleepers, 1, __ATOMIC_SEQ_CST);
}

/* First by looking, since the others are nearly there; then other programs have the core. */
static void wait_for_others(struct Team *t, uint32_t before)
{
    for (int64_t turn = 0; __atomic_load_n(&t->meetings, __ATOMIC_ACQUIRE) == before; turn++)
        if (turn < t->spins)
            pause_a_moment();
        else
            sleep_until(t, before);
}

/* All who wait go on. */
static void go_on(struct Team *t, uint32_t meetings)
{
    __atomic_store_n(&t->meetings, meetings, __ATOMIC_SEQ_CST);
#if defined(__linux__)
    if (__atomic_load_n(&t->sleepers, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &t->meetings, FUTEX_WAKE_PRIVATE, MOST_THREADS, NULL, NULL, 0);
#endif
}

/* No thread goes on before all have come; what each has written, all can read. */
static void meet(struct Worker *w)
{
    struct Team *t = w->team;
    w->is_open = 0;
    if (t->size == 1)
        return;
    uint32_t before = __atomic_load_n(&t->meetings, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&t->arrived, 1, __ATOMIC_ACQ_REL) < t->size) {
        wait_for_others(t, before);
        return;
    }
    __atomic_store_n(&t->arrived, 0, __ATOMIC_RELAXED);
    go_on(t, before + 1);
}

/* The same, if anything was done since the last meeting. */
static void settle(struct Worker *w)
{
    if (w->is_open)
        meet(w);
}
