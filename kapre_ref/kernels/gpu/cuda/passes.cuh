// Transforms of N real samples, where N, or half of an even N, is a product of two or three small
// radices: how threads share them, and how their points go through shared memory. mixed.cu says
// more.
//
// If N is even, a point is a pair of neighbours, and a frame a transform of N / 2 complex points.
// If N is odd, it is a transform of N real points. Whatever is transformed of them, half of the
// result is kept, for the others are conjugates. Passes of N = 15, of R1 = 5 points and of R2 = 3:
//
//     samples, a row a line    points kept of each row    bins that columns make of them
//       0  3  6  9 12            0  1  2                    0  1  2
//       1  4  7 10 13            0  1  2                    5  6  7
//       2  5  8 11 14            0  1  2                   10 11 12, kept as 5 4 3
//
// In the first pass a thread has two rows of its frame, as real and imaginary parts of its points,
// and takes their transforms apart. So an odd N takes as much work and memory as an even one.

#pragma once
#include "dft.cuh"

namespace kapre {

__device__ constexpr int larger(int a, int b) {
    return a > b ? a : b;
}
// The least number from `size` on that is `bank` modulo `banks`.
__device__ constexpr int padded(int size, int bank, int banks) {
    return size + ((bank - size) % banks + banks) % banks;
}

// N real samples of a frame, FRAMES frames of a block at a time, M = R1 R2 R3; R3 is 1 if there are
// two passes. How radices.py chooses them is a matter of speed alone, but R1 is largest.
template <class C, int N_, int FRAMES_, int R1_, int R2_, int R3_>
struct Mixed {
    typedef C Complex;
    static constexpr int N = N_, FRAMES = FRAMES_, R1 = R1_, R2 = R2_, R3 = R3_;
    static constexpr bool IS_LARGE = false;  // whether the launch gives the shared memory
    static constexpr bool IS_ODD = N % 2;
    static constexpr int M = IS_ODD ? N : N / 2;  // points of a frame
    static constexpr int E = R1;                  // points in a thread's registers, at first
    static constexpr int ROWS = M / E;            // of points, in the first pass

    // How many points are kept of a transform of n points.
    static __device__ constexpr int kept(int n) { return IS_ODD ? n / 2 + 1 : n; }
    // Columns of the pass of radix R, when transforms of DONE points are done.
    template <int R, int DONE>
    static constexpr int COLUMNS_OF = M / (R * DONE) * kept(DONE);
    // Threads of a frame, as radices.py has them: one for each row, or for two if N is odd; then up
    // to a quarter more, if a later pass has so many columns.
    static __device__ constexpr int threads() {
        const int least = kept(ROWS), most = IS_ODD ? 5 * least / 4 : least;
        const int second = COLUMNS_OF<R2, R1>, third = COLUMNS_OF<R3, R1 * R2>;
        return larger(least, larger(second <= most ? second : 0, third <= most ? third : 0));
    }
    static constexpr int T = threads();

    // Point q of a thread has sample first_sample(t) + q STEP, and the one APART behind it, unless
    // an odd number of rows leaves the thread a single row.
    static constexpr int STEP = IS_ODD ? ROWS : 2 * T, APART = IS_ODD ? T : 1;
    static __device__ __forceinline__ int first_sample(int t) { return IS_ODD ? t : 2 * t; }
    static __device__ __forceinline__ bool has_both(int t) { return !IS_ODD || t + T < ROWS; }

    static constexpr bool IN_WARP = T <= 32;  // else the threads of a block wait for each other
    static constexpr int GROUPS = 32 / T;     // frames of a warp
    static constexpr int LANES = IN_WARP ? GROUPS * T : 32;  // of a warp that have work
    static constexpr unsigned MASK = 0xffffffffu >> (32 - LANES);
    static constexpr int THREADS = IN_WARP ? FRAMES / GROUPS * 32 : FRAMES * T;

    // Columns of a thread in a pass, and the points that it has in registers at most.
    template <int R, int DONE>
    static constexpr int ROUNDS = (COLUMNS_OF<R, DONE> + T - 1) / T;
    static constexpr int POINTS =
        larger(E, larger(ROUNDS<R2, R1>* R2, ROUNDS<R3, R1 * R2>* R3));
    // Whether there is the last of them; of those before, the compiler knows.
    template <int COLUMNS>
    static __device__ __forceinline__ bool has(int round, int column) {
        return (round + 1) * T <= COLUMNS || column < COLUMNS;
    }

    // Shared memory, in points: a row of the first exchange, a block of the second, a frame.
    static constexpr int BANKS = 128 / sizeof(C);
    static __device__ constexpr int row() {
        const int odd = kept(R1) | 1;
        int row = odd;
        while (T * (row - 1) % BANKS) row += 2;
        return 4 * row <= 5 * kept(R1) ? row : odd;
    }
    static constexpr int ROW = row();
    static constexpr int BLOCK = padded(kept(R1 * R2), kept(R1), BANKS);
    static constexpr int SLOT = padded(larger(larger(ROWS * ROW, R3* BLOCK), N / 2 + 1), T, BANKS);
    static constexpr int SHARED = FRAMES * SLOT;
    // Twiddle factors of a table, filled up to whole lines of 128 bytes; behind them lie the roots.
    static constexpr int SECOND_TABLE = R2 * kept(R1);
    static constexpr int TWIDDLES =
        padded(SECOND_TABLE + (R3 > 1) * R3 * kept(R1 * R2), 0, BANKS);
    // Slots of neighbouring frames begin 2T real numbers apart; so many more, and it is T.
    static __device__ __forceinline__ constexpr int first_bank(int group) {
        return padded(0, -group * T, 2 * BANKS);
    }

    // Warps of a scheduler, which has 512 registers a lane for them; a multiprocessor has four.
    static __device__ constexpr int warps() {
        if (sizeof(C) == 8) return POINTS > 20 ? 4 : 5;
        return POINTS > 16 ? 2 : POINTS > 12 ? 3 : 4;
    }
    static constexpr int WARPS = warps();
    // Blocks of a multiprocessor. Addresses of bins in shared memory take registers, so do three
    // passes of many points: a block fewer for each, and nothing is spilled.
    static __device__ constexpr int blocks(bool bins_in_shared) {
        const int fewer = bins_in_shared + (R3 > 1 && POINTS > 24);
        return larger(4 * WARPS / ((THREADS + 31) / 32) - fewer, 1);
    }

    static constexpr int RANKS = IN_WARP ? THREADS / 32 * LANES : THREADS;
    static __device__ __forceinline__ int rank() {
        return IN_WARP ? threadIdx.x / 32 * LANES + threadIdx.x % 32 : threadIdx.x;
    }
    static __device__ __forceinline__ void sync() { IN_WARP ? __syncwarp(MASK) : __syncthreads(); }
    // Whether it is so for any of the threads that sync() waits for.
    static __device__ __forceinline__ bool any(bool predicate) {
        return IN_WARP ? __any_sync(MASK, predicate) : __syncthreads_or(predicate);
    }
    template <class Bits>
    static __device__ __forceinline__ Bits largest_in_warp(Bits value) {
        const int lane = threadIdx.x % 32;
        const int lanes = IN_WARP ? LANES : min(32, THREADS - (int)threadIdx.x + lane);
        const unsigned mask = 0xffffffffu >> (32 - lanes);
#pragma unroll
        for (int d = 16; d; d >>= 1)
            value = max(value, __shfl_sync(mask, value, (lane + d) % lanes));
        return value;
    }
    // The sum over the threads of a frame, the same in each: all add up the same in one order.
    static __device__ __forceinline__ Real<C> sum_of_frame(Real<C> value) {
        Real<C> sum = 0;
        if constexpr (IN_WARP) {
            const int first = threadIdx.x % 32 / T * T;
#pragma unroll 1
            for (int i = 0; i < T; ++i) sum += __shfl_sync(MASK, value, first + i);
        } else {
            __shared__ Real<C> values[THREADS];
            values[threadIdx.x] = value;
            sync();
#pragma unroll 1
            for (int i = 0; i < T; ++i) sum += values[threadIdx.x / T * T + i];
        }
        return sum;
    }
};

// A frame that needs more shared memory than the 48 KiB that a kernel may have of its own. It has a
// block for itself, whose memory the launch gives.
extern __shared__ double2 given_shared[];

template <class C, int N_, int R1_, int R2_, int R3_>
struct Large : Mixed<C, N_, 1, R1_, R2_, R3_> {
    typedef Mixed<C, N_, 1, R1_, R2_, R3_> Base;
    static constexpr bool IS_LARGE = true;
    static constexpr int SHARED = 1;  // of the kernel's own
    // Powers of two do with 128 registers, of which a multiprocessor has enough for 512 threads.
    static __device__ constexpr int blocks(bool) {
        return sizeof(C) == 8 && (Base::M & (Base::M - 1)) == 0 ? larger(512 / Base::T, 1) : 1;
    }
};

// A pass over columns of R points, when transforms of DONE points are done, of which KEPT are in
// memory. Point i of these is read at i / KEPT * PITCH + i % KEPT; NEXT is the pitch of what is
// written, (R DONE) points to a row or the half of them.
template <class S, int R, int DONE, int PITCH, int NEXT, class C>
__device__ __forceinline__ void pass(C* v, C* slot, const C* twiddles, int t) {
    constexpr int COLUMNS = S::template COLUMNS_OF<R, DONE>, ROUNDS = S::template ROUNDS<R, DONE>;
    constexpr int KEPT = S::kept(DONE);
#pragma unroll
    for (int c = 0; c < ROUNDS; ++c) {
        const int column = t + c * S::T;
        if (!S::template has<COLUMNS>(c, column)) continue;
        C* u = v + c * R;
        const C* from = slot + column / KEPT * PITCH + column % KEPT;
        const C* factors = twiddles + column % KEPT;
#pragma unroll
        for (int r = 0; r < R; ++r) u[r] = from[r * (COLUMNS / KEPT * PITCH)];
#pragma unroll
        for (int r = 1; r < R; ++r) u[r] = u[r] * factors[r * KEPT];
        Dft<R>::run(u);
    }
    S::sync();  // all have read
#pragma unroll
    for (int c = 0; c < ROUNDS; ++c) {
        const int column = t + c * S::T;
        if (!S::template has<COLUMNS>(c, column)) continue;
        C* to = slot + column / KEPT * NEXT + column % KEPT;
#pragma unroll
        for (int r = 0; r < S::kept(R); ++r) to[r * DONE] = v[c * R + r];
        // Column 0 writes some points twice, for there all of these are conjugates of others.
        C* mirrored = to - 2 * (column % KEPT);
#pragma unroll
        for (int r = S::kept(R); r < R; ++r) mirrored[(R - r) * DONE] = conjugate(v[c * R + r]);
    }
    S::sync();  // all have written
}

// Write the first pass's transforms to their rows. Those of two real rows are taken apart, twice as
// large as they are: tables of windows are halved.
template <class S, class C>
__device__ __forceinline__ void write_rows(const C* v, C* slot, int t) {
    if constexpr (S::IS_ODD) {
        const bool has_both = S::has_both(t);
#pragma unroll
        for (int k = 0; k < S::kept(S::R1); ++k) {
            const C a = v[k], b = v[k ? S::R1 - k : 0];
            const C first = {a.x + b.x, a.y - b.y}, second = {a.y + b.y, b.x - a.x};
            slot[t * S::ROW + k] = first;
            if (has_both) slot[(t + S::T) * S::ROW + k] = second;
        }
    } else {
#pragma unroll
        for (int q = 0; q < S::R1; ++q) slot[t * S::ROW + q] = v[q];
    }
}

// Transform a thread's points v to slot[k] = Z[k], of odd N up to N / 2.
template <class S, class C>
__device__ __forceinline__ void transform(C* v, C* slot, const C* twiddles, int t) {
    Dft<S::R1>::run(v);
    S::sync();  // the slot's last use is over
    write_rows<S>(v, slot, t);
    S::sync();  // the first exchange is written
    pass<S, S::R2, S::R1, S::ROW, S::BLOCK>(v, slot, twiddles, t);
    if constexpr (S::R3 > 1)
        pass<S, S::R3, S::R1 * S::R2, S::BLOCK, 0>(v, slot, twiddles + S::SECOND_TABLE, t);
}

}  // namespace kapre
