// Runs a kernel's blocks one after another, each CUDA thread as a fiber, with barriers and warp
// collectives. A fiber runs until it waits or ends; then the next one of its block does.
#include "runtime.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>
#include <vector>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

// ---- Switching from one stack to another.
#if defined(__x86_64__)
extern "C" void emu_switch(void** save, void* to);
asm(".text\n.hidden emu_switch\n.globl emu_switch\n.type emu_switch,@function\nemu_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
    ".size emu_switch,.-emu_switch\n.section .note.GNU-stack,\"\",@progbits\n.text\n");
typedef void* Context;
static void make_context(Context* context, char* stack, void (*entry)()) {
    void** top = (void**)((((uintptr_t)stack + STACK_BYTES) & ~(uintptr_t)15) - 8);
    *top = nullptr;         // where `entry` would return to: it never does
    *--top = (void*)entry;  // what `ret` goes to; the stack is then aligned as in a function
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    *context = top;
}
static inline void switch_context(Context* from, Context* to) {
    emu_switch(from, *to);
}
#else
#include <ucontext.h>
typedef ucontext_t Context;
static void make_context(Context* context, char* stack, void (*entry)()) {
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK_BYTES;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
}
static inline void switch_context(Context* from, Context* to) {
    swapcontext(from, to);
}
#endif

// ---- Threads.
constexpr int MOST_ROUNDS = 100000;  // of all threads of a block, from one wait to the next
enum State { READY, AT_BARRIER, IN_COLLECTIVE, DONE };
enum Collective { SYNC, SHUFFLE, BALLOT };  // as cuda.hpp numbers them
struct Fiber {
    Context context;
    State state;
    int line;               // of the barrier it waits at
    int operation, source;  // of the collective it waits in
    unsigned mask;
    uint64_t value, result;
    uint32_t warp_interval;
    dim3 tid;
};

EmuIndices emu_idx;
unsigned char* emu_dynamic_shared;
int current;
int32_t block_number;
uint32_t interval;
char* stacks;
static Fiber fibers[MAX_THREADS];
static Context scheduler;
static int n_threads;
static void (*body)(void**);
static void** arguments;
static std::string messages;
static long n_failures;
static uint64_t random_state;

uint32_t warp_interval(int thread) {
    return fibers[thread].warp_interval;
}

void fail(const std::string& message) {
    if (++n_failures > 20) return;
    const dim3 block = emu_idx.bid, thread = fibers[current].tid;
    auto triple = [](dim3 d) {
        return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) +
               ")";
    };
    messages += message + " [block " + triple(block) + " thread " + triple(thread) + "]\n";
}

static void wait() {
    switch_context(&fibers[current].context, &scheduler);
}

void end_thread() {
    fibers[current].state = DONE;
    for (;;) wait();
}

static void entry() {
    body(arguments);
    end_thread();
}

extern "C" void emu_sync(int line) {
    fibers[current].state = AT_BARRIER;
    fibers[current].line = line;
    wait();
}

// The last lane of the mask to arrive does the work for all of them.
extern "C" uint64_t emu_warp(int operation, unsigned mask, uint64_t value, int source) {
    Fiber& self = fibers[current];
    const int first = current & ~(WARP - 1);
    auto named = [&](int lane) { return mask >> lane & 1 && first + lane < n_threads; };
    if (!(mask >> (current & (WARP - 1)) & 1))
        fail("warp collective: calling lane is not in its own mask");
    self.state = IN_COLLECTIVE;
    self.operation = operation;
    self.mask = mask;
    self.value = value;
    self.source = source;
    bool complete = true;
    for (int lane = 0; lane < WARP; ++lane) {
        if (!(mask >> lane & 1)) continue;
        const Fiber& other = fibers[first + lane];
        if (!named(lane))
            fail("warp collective: mask names a lane outside the block");
        else if (other.state == DONE)
            fail("warp collective: mask names an exited lane");
        else if (other.state != IN_COLLECTIVE || other.mask != mask || other.operation != operation)
            complete = false;
    }
    if (!complete) {
        wait();
        return fibers[current].result;
    }
    uint64_t ballot = 0;
    for (int lane = 0; lane < WARP; ++lane)
        if (named(lane)) ballot |= (fibers[first + lane].value & 1) << lane;
    for (int lane = 0; lane < WARP; ++lane) {
        if (!named(lane)) continue;
        Fiber& other = fibers[first + lane];
        const int from = other.source & (WARP - 1);
        if (operation == SHUFFLE && !named(from)) fail("shuffle reads a lane outside the mask");
        other.result = operation == SHUFFLE ? fibers[first + from].value : ballot;
    }
    for (int lane = 0; lane < WARP; ++lane)
        if (named(lane) && fibers[first + lane].state == IN_COLLECTIVE) {
            fibers[first + lane].state = READY;
            // Only __syncwarp orders memory; shuffles and votes do not.
            if (operation == SYNC) ++fibers[first + lane].warp_interval;
        }
    return self.result;
}

// ---- Launching.
struct Options {
    int order;  // of threads and blocks: 0 as numbered, 1 reversed, 2 shuffled at every barrier
    uint64_t seed;
    int counted_blocks;
    uint64_t last_blocks;  // 0: all of them
};

static void shuffle(std::vector<int>& order) {
    for (int i = n_threads - 1; i > 0; --i) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        std::swap(order[i], order[random_state % (i + 1)]);
    }
}

// Run the ready threads once each, and let all go on that wait at a barrier they have all reached.
// False when the block is done, or stuck.
static bool run_round(const std::vector<int>& order) {
    int n_ran = 0;
    for (int thread : order) {
        if (fibers[thread].state != READY) continue;
        ++n_ran;
        current = thread;
        emu_idx.tid = fibers[thread].tid;
        checker_watch(true);
        switch_context(&scheduler, &fibers[thread].context);
        checker_watch(false);
    }
    int n_done = 0, n_at_barrier = 0, line = -1;
    bool same_line = true;
    for (int thread = 0; thread < n_threads; ++thread) {
        const Fiber& fiber = fibers[thread];
        n_done += fiber.state == DONE;
        if (fiber.state != AT_BARRIER) continue;
        ++n_at_barrier;
        if (line >= 0 && line != fiber.line) same_line = false;
        line = fiber.line;
    }
    const int n_left = n_threads - n_done;
    if (n_left == 0) return false;
    current = 0;
    if (n_at_barrier == n_left) {
        // Threads that have exited are not waited for (CUDA's guide: those of Volta and newer).
        if (!same_line) fail("threads of one block wait at different __syncthreads() lines");
        for (int thread = 0; thread < n_threads; ++thread)
            if (fibers[thread].state == AT_BARRIER) fibers[thread].state = READY;
        ++interval;
    } else if (!n_ran) {
        fail("deadlock: " + std::to_string(n_at_barrier) + " threads at a block barrier, " +
             std::to_string(n_left - n_at_barrier) + " in a warp collective");
        return false;
    }
    return true;
}

extern "C" void emu_reset() {
    messages.clear();
    n_failures = 0;
    checker_reset();
}
extern "C" const char* emu_messages() {
    return messages.c_str();
}

extern "C" long emu_launch(void (*kernel)(void**), void** args, const unsigned* grid,
                           const unsigned* block, size_t dynamic_bytes, const Options* options,
                           int checked) {
    if (!stacks)
        stacks = (char*)mmap(nullptr, STACK_BYTES * MAX_THREADS, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    if (threads < 1 || threads > MAX_THREADS || block[2] > 64 || !grid[0] || !grid[1] || !grid[2] ||
        grid[0] > 0x7fffffffu || grid[1] > 65535 || grid[2] > 65535) {
        fail("invalid launch configuration");
        return n_failures;
    }
#if defined(__SSE__)
    const unsigned control = _mm_getcsr();
    _mm_setcsr(control | 0x8040);  // subnormals are zero: CuPy compiles with -ftz=true
#endif
    n_threads = (int)threads;
    emu_dynamic_shared = dynamic_bytes
                             ? (unsigned char*)aligned_alloc(128, (dynamic_bytes + 127) & ~127ul)
                             : nullptr;
    random_state = options->seed * 2654435769u + 88172645463325252ull;
    body = kernel;
    arguments = args;
    emu_idx.bdim = {block[0], block[1], block[2]};
    emu_idx.gdim = {grid[0], grid[1], grid[2]};
    checker_begin_launch(checked, dynamic_bytes, options->counted_blocks);
    std::vector<int> order(n_threads);
    const uint64_t n_blocks = (uint64_t)grid[0] * grid[1] * grid[2];
    const uint64_t n_left_out =
        options->last_blocks && options->last_blocks < n_blocks ? n_blocks - options->last_blocks : 0;
    for (uint64_t i = n_left_out; i < n_blocks && n_failures < 20; ++i) {
        const uint64_t b = options->order == 1 ? n_blocks - 1 - (i - n_left_out) : i;
        emu_idx.bid = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]),
                       (unsigned)(b / ((uint64_t)grid[0] * grid[1]))};
        block_number = (int32_t)(i - n_left_out);
        checker_begin_block();
        for (int t = 0; t < n_threads; ++t) {
            make_context(&fibers[t].context, stacks + STACK_BYTES * t, entry);
            fibers[t].state = READY;
            fibers[t].warp_interval = 0;
            fibers[t].tid = {t % block[0], t / block[0] % block[1], t / (block[0] * block[1])};
            order[t] = options->order == 1 ? n_threads - 1 - t : t;
        }
        ++interval;
        int n_rounds = 0;
        do {
            if (options->order == 2) shuffle(order);
            if (++n_rounds > MOST_ROUNDS) fail("a block does not end");
        } while (n_rounds <= MOST_ROUNDS && run_round(order));
        checker_end_block();
    }
    free(emu_dynamic_shared);
    emu_dynamic_shared = nullptr;
#if defined(__SSE__)
    _mm_setcsr(control);
#endif
    return n_failures;
}
