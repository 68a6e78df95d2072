// Watches every load and store of a kernel that is compiled with `g++ -fsanitize=thread`, whose
// hooks are defined here: bounds, alignment, races, uninitialised shared memory; and counts the
// wavefronts of shared memory and the sectors of global memory that the accesses of a warp take.
#include "runtime.hpp"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>
#include <vector>

// Who touched a byte last. Intervals tell whether a barrier lies between two accesses.
struct Shadow {
    int32_t written_by_block = -1, read_by_block = -1;
    uint32_t written_in = 0, read_in = 0;            // intervals
    uint32_t written_in_warp = 0, read_in_warp = 0;  // warp intervals
    int16_t writer = -1, reader = -1;                // threads
    bool several_readers = false, several_warps = false, atomic = false;
};

constexpr size_t MOST_SHADOWED = 1 << 28;  // bytes of an array, for races to be seen in it

struct Buffer {
    uintptr_t begin, end;
    size_t offset;  // of `begin` in what was allocated
    bool writable;
    std::vector<Shadow> shadow;
};

struct Range {
    uintptr_t begin, end;
};

static bool checked, watching;
static std::vector<Buffer> buffers;      // arrays passed to the kernel
static std::vector<Range> arrays;        // its __shared__ arrays
static Range module, writable, dynamic;  // this library, its writable part; dynamic shared memory
static std::vector<Shadow> static_shadow, dynamic_shadow;

// ---- Counting: accesses of a warp by one instruction, the n-th time that its lanes get there.
struct Access {
    uintptr_t address;
    int size, lane;
};
struct Count {
    uint64_t requests = 0, cost = 0, ideal = 0;
    bool shared = false, write = false;
    int size = 0;
};
static int counted_blocks;
static std::map<std::pair<uintptr_t, std::pair<int, uint32_t>>, std::vector<Access>> groups;
static std::map<std::pair<uintptr_t, int>, uint32_t> occurrences;
static std::map<uintptr_t, Count> counts;

// 32 banks of 4 bytes; accesses of 8 bytes go by half warps, of 16 bytes by quarter warps.
static void count_wavefronts(const std::vector<Access>& accesses, Count& count) {
    const int lanes = count.size >= 16 ? 8 : count.size == 8 ? 16 : 32;
    for (int first = 0; first < WARP; first += lanes) {
        std::map<uintptr_t, std::set<uintptr_t>> words;  // of each bank
        for (const Access& a : accesses)
            if (a.lane >= first && a.lane < first + lanes)
                for (int i = 0; i < a.size; i += 4)
                    words[(a.address + i) / 4 % 32].insert((a.address + i) / 4);
        size_t most = 0;
        for (const auto& bank : words) most = std::max(most, bank.second.size());
        count.cost += most;
        count.ideal += most > 0;
    }
}

static void count_sectors(const std::vector<Access>& accesses, Count& count) {
    std::set<uintptr_t> sectors;
    std::set<uintptr_t> bytes;  // lanes that read the same address ask for it once
    for (const Access& a : accesses)
        for (int i = 0; i < a.size; ++i) {
            sectors.insert((a.address + i) / 32);
            bytes.insert(a.address + i);
        }
    count.cost += sectors.size();
    count.ideal += (bytes.size() + 31) / 32;
}

// ---- Order between blocks. Blocks run one after the other here, so an atomic access comes after all
// earlier ones of its address. It makes an order if the thread fences before it (for what it, and
// whoever it met at a barrier, did until then) and, in the later block, behind it.
constexpr uint32_t NEVER = 0xffffffffu;
typedef std::map<int32_t, uint32_t> Done;  // of each block, the interval up to which it is meant
static std::map<uintptr_t, Done> released;  // by address
static std::vector<uint32_t> fenced;        // interval of each thread's last fence, or NEVER
static std::vector<Done> seen;              // what each thread's atomic accesses have come after
static Done acquired;                       // what came before the last fences of the block
static uint32_t acquired_in;                // interval of these

static void fence() {
    fenced[current] = interval;
    for (const auto& [block, until] : seen[current]) {
        uint32_t& known = acquired[block];
        known = std::max(known, until);
        acquired_in = interval;
    }
}

static void order_by(uintptr_t address) {
    Done& here = released[address];
    for (const auto& [block, until] : here) {
        uint32_t& known = seen[current][block];
        known = std::max(known, until);
    }
    if (fenced[current] == NEVER) return;
    here[block_number] = std::max(here[block_number], fenced[current]);
}

// Whether an access of another block lies behind barrier and fence there, and before both here.
static bool ordered_between_blocks(int32_t block, uint32_t in) {
    const auto found = acquired.find(block);
    return found != acquired.end() && in < found->second && acquired_in < interval;
}

// ---- Races.
static bool ordered_in_warp(int thread, uint32_t in) {
    return thread / WARP == current / WARP && in < warp_interval(current);
}

static std::string at(uintptr_t pc) {
    char text[32];
    snprintf(text, sizeof text, ", pc 0x%lx", (unsigned long)(pc - module.begin));
    return text;
}

static void race(const char* what, bool shared, int other, uintptr_t pc) {
    fail(std::string("race: ") + what + " in " + (shared ? "shared" : "global") +
         " memory, with thread " + std::to_string(other) + at(pc));
}

static void touch(Shadow& s, bool write, bool atomic, bool fresh, bool shared, uintptr_t pc) {
    const bool written_here = s.written_by_block == block_number;
    const bool read_here = s.read_by_block == block_number;
    const bool both_atomic = atomic && s.atomic;
    if (!shared) {
        if (s.writer >= 0 && !written_here && !both_atomic) {
            if (!ordered_between_blocks(s.written_by_block, s.written_in))
                race(write ? "write/write between blocks" : "read of another block's write",
                     shared, s.writer, pc);
            else if (!write && !fresh)
                fail("read of another block's write through the L1" + at(pc));
        }
        if (write && !atomic && s.reader >= 0 && !read_here &&
            !ordered_between_blocks(s.read_by_block, s.read_in))
            race("write of an address another block reads", shared, s.reader, pc);
    }
    if (written_here && s.writer >= 0 && s.writer != current && s.written_in == interval &&
        !ordered_in_warp(s.writer, s.written_in_warp) && !both_atomic)
        race(write ? "write/write" : "read after write", shared, s.writer, pc);
    if (write) {
        if (read_here && s.read_in == interval && (s.several_readers || s.reader != current) &&
            (s.several_warps || !ordered_in_warp(s.reader, s.read_in_warp)))
            race("write after read", shared, s.reader, pc);
        s.written_by_block = block_number;
        s.written_in = interval;
        s.writer = (int16_t)current;
        s.written_in_warp = warp_interval(current);
        s.atomic = atomic;
        return;
    }
    if (shared && !(written_here && s.writer >= 0)) fail("uninitialised shared read" + at(pc));
    if (read_here && s.read_in == interval) {
        if (s.reader != current) s.several_readers = true;
        if (s.reader / WARP != current / WARP) s.several_warps = true;
        s.read_in_warp = std::max(s.read_in_warp, warp_interval(current));
    } else {
        s.several_readers = s.several_warps = false;
        s.read_in_warp = warp_interval(current);
        s.reader = (int16_t)current;
    }
    s.read_by_block = block_number;
    s.read_in = interval;
}

// ---- One access. One that would touch foreign memory does not take place.
static void refuse(const std::string& message) {
    fail(message);
    end_thread();
}

enum How { PLAIN, ATOMIC, FRESH };  // FRESH: past the L1

static void access(uintptr_t a, int size, bool write, How how, uintptr_t pc) {
    if (!watching) return;
    const uintptr_t all = (uintptr_t)stacks, own = all + STACK_BYTES * current;
    if (a >= all && a < all + STACK_BYTES * MAX_THREADS) {
        if (a < own || a + size > own + STACK_BYTES)
            fail("access to another thread's local memory");
        return;
    }
    if (a >= (uintptr_t)&emu_idx && a < (uintptr_t)(&emu_idx + 1)) return;
    if (a >= (uintptr_t)&emu_dynamic_shared && a < (uintptr_t)(&emu_dynamic_shared + 1)) return;
    auto what = [&] {
        return std::string(write ? "write" : "read") + " of " + std::to_string(size) + " bytes" +
               at(pc);
    };
    std::vector<Shadow>* shadow = nullptr;
    uintptr_t base = 0, place = a;
    bool shared = true;
    if (a >= writable.begin && a < writable.end) {
        auto holds = [&](const Range& r) { return a >= r.begin && a + size <= r.end; };
        if (std::none_of(arrays.begin(), arrays.end(), holds))
            return refuse("shared array overrun: " + what());
        shadow = &static_shadow;
        base = writable.begin;
    } else if (a >= dynamic.begin && a + size <= dynamic.end) {
        shadow = &dynamic_shadow;
        base = dynamic.begin;
    } else if (a >= module.begin && a < module.end && !write) {
        return;  // tables of constants
    } else {
        auto holds = [&](const Buffer& b) { return a >= b.begin && a + size <= b.end; };
        const auto hit = std::find_if(buffers.begin(), buffers.end(), holds);
        if (hit == buffers.end()) return refuse("out of bounds " + what());
        if (write && !hit->writable) fail("write to a read-only buffer: " + what());
        if (!hit->shadow.empty()) shadow = &hit->shadow, base = hit->begin;
        shared = false;
        // CuPy's arrays begin at multiples of 512; what is counted must not depend on NumPy's.
        place = a - hit->begin + hit->offset + ((uintptr_t)(hit - buffers.begin()) << 48);
    }
    if (a % size) fail("misaligned " + what());
    if (shadow) {
        // One shadow a byte; that of a word's first byte stands for the word.
        const int step = a % 4 == 0 && size % 4 == 0 ? 4 : 1;
        for (int i = 0; i < size; i += step)
            touch((*shadow)[a - base + i], write, how == ATOMIC, how == FRESH, shared, pc);
    }
    if (how == ATOMIC && !shared) order_by(a);
    if (block_number < counted_blocks) {
        const uint32_t occurrence = occurrences[{pc, current}]++;
        groups[{pc, {current / WARP, occurrence}}].push_back({place, size, current % WARP});
        Count& count = counts[pc];
        count.shared = shared;
        count.write = write;
        count.size = size;
    }
}

#define CALLER ((uintptr_t)__builtin_return_address(0))
extern "C" {
void emu_atomic(const void* a, int size) {
    access((uintptr_t)a, size, true, ATOMIC, CALLER);
}
void emu_read_fresh(const void* a, int size) {
    access((uintptr_t)a, size, false, FRESH, CALLER);
}
void emu_fence() {
    if (watching) fence();
}
#define HOOKS(n)                                       \
    void __tsan_read##n(void* p) {                     \
        access((uintptr_t)p, n, false, PLAIN, CALLER); \
    }                                                  \
    void __tsan_write##n(void* p) {                    \
        access((uintptr_t)p, n, true, PLAIN, CALLER);  \
    }                                                  \
    void __tsan_volatile_read##n(void* p) {            \
        access((uintptr_t)p, n, false, PLAIN, CALLER); \
    }                                                  \
    void __tsan_volatile_write##n(void* p) {           \
        access((uintptr_t)p, n, true, PLAIN, CALLER);  \
    }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
#define UNALIGNED_HOOKS(n)                             \
    void __tsan_unaligned_read##n(void* p) {           \
        access((uintptr_t)p, n, false, PLAIN, CALLER); \
    }                                                  \
    void __tsan_unaligned_write##n(void* p) {          \
        access((uintptr_t)p, n, true, PLAIN, CALLER);  \
    }
    UNALIGNED_HOOKS(2) UNALIGNED_HOOKS(4) UNALIGNED_HOOKS(8)
        UNALIGNED_HOOKS(16) void __tsan_read_range(void* p, unsigned long n) {
    for (unsigned long i = 0; i < n; i += 4) access((uintptr_t)p + i, 4, false, PLAIN, CALLER);
}
void __tsan_write_range(void* p, unsigned long n) {
    for (unsigned long i = 0; i < n; i += 4) access((uintptr_t)p + i, 4, true, PLAIN, CALLER);
}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
// C++ leaves open what becomes of numbers that an integer cannot hold; CUDA and x86 differ.
void __ubsan_handle_float_cast_overflow(void*, uintptr_t) {
    if (watching) fail("a float that the integer cannot hold" + at(CALLER));
}
}

// ---- What the runtime and the caller tell.
static int find_module(struct dl_phdr_info* info, size_t, void*) {
    const uintptr_t self = (uintptr_t)&emu_idx;
    Range all = {~0ul, 0}, data = {0, 0};
    bool found = false;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type != PT_LOAD) continue;
        const uintptr_t begin = info->dlpi_addr + header.p_vaddr, end = begin + header.p_memsz;
        all = {std::min(all.begin, begin), std::max(all.end, end)};
        if (header.p_flags & PF_W) data = {begin, end};
        found |= self >= begin && self < end;
    }
    if (found) module = all, writable = data;
    return found;
}

void checker_begin_launch(bool with_checks, size_t dynamic_bytes, int with_counts) {
    if (!module.begin) dl_iterate_phdr(find_module, nullptr);
    checked = with_checks;
    counted_blocks = checked ? with_counts : 0;
    dynamic = {(uintptr_t)emu_dynamic_shared, (uintptr_t)emu_dynamic_shared + dynamic_bytes};
    if (!checked) return;
    static_shadow.assign(writable.end - writable.begin, Shadow());
    dynamic_shadow.assign(dynamic_bytes, Shadow());
    released.clear();
    for (Buffer& b : buffers)
        if (b.writable && b.end - b.begin < MOST_SHADOWED)
            b.shadow.assign(b.end - b.begin, Shadow());
}

void checker_begin_block() {  // a new block finds garbage (NaN), not what its predecessor left
    for (const Range& r : arrays) memset((void*)r.begin, 0xff, r.end - r.begin);
    if (dynamic.begin) memset((void*)dynamic.begin, 0xff, dynamic.end - dynamic.begin);
    fenced.assign(MAX_THREADS, NEVER);
    seen.assign(MAX_THREADS, Done());
    acquired.clear();
}

void checker_end_block() {
    for (const auto& group : groups) {
        Count& count = counts[group.first.first];
        ++count.requests;
        count.shared ? count_wavefronts(group.second, count) : count_sectors(group.second, count);
    }
    groups.clear();
    occurrences.clear();
}

void checker_watch(bool on) {
    watching = on && checked;
}

void checker_reset() {
    buffers.clear();
    counts.clear();
    groups.clear();
    occurrences.clear();
}

extern "C" void emu_buffer(uintptr_t begin, size_t n_bytes, int may_write, size_t offset) {
    buffers.push_back({begin, begin + n_bytes, offset, may_write != 0, {}});
}

// A symbol of the kernel's library, as an offset into it; constants are no shared arrays.
extern "C" void emu_shared_array(uintptr_t offset, size_t n_bytes) {
    if (!module.begin) dl_iterate_phdr(find_module, nullptr);
    const Range r = {module.begin + offset, module.begin + offset + n_bytes};
    if (r.begin >= writable.begin && r.end <= writable.end) arrays.push_back(r);
}

extern "C" int emu_n_shared_arrays() {
    return (int)arrays.size();
}
extern "C" size_t emu_shared_bytes() {
    size_t sum = 0;
    for (const Range& r : arrays) sum += r.end - r.begin;
    return sum;
}

extern "C" int emu_count(int index, uint64_t* out) {
    if (index >= (int)counts.size()) return 0;
    const auto& entry = *std::next(counts.begin(), index);
    const Count& c = entry.second;
    const uint64_t values[] = {entry.first - module.begin,
                               c.shared,
                               c.write,
                               (uint64_t)c.size,
                               c.requests,
                               c.cost,
                               c.ideal};
    memcpy(out, values, sizeof values);
    return 1;
}
