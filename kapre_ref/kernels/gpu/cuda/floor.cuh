// The floor of a group of logarithms, some range below the peak: of an item, a channel, or all.
//
// The floor is known only when all of a group has been seen. Of a long group, a second kernel raises
// the values to it. Of a short one, the block that is done last does so, in the same kernel:
//
//     block 0    writes values    raises the peak    counts 1
//     block 2    writes values    raises the peak    counts 2
//     block 1    writes values    raises the peak    counts 0, for it is the last of three: it takes
//                                                    the peak, leaves 0 there, and raises values
//
// No block waits for another one: whichever comes last, the values of all others are there. In each
// block, a barrier and then the fence of its first thread lie between the values and the count; in
// the last one, a fence and then a barrier lie between the count and the values. These are read past
// the L1, which might have an older state of their sectors.
//
// Peak and count are 0 again when the kernel ends, so that the next kernel of the stream finds them
// as this one did. Nothing remains of a kernel that is aborted, for its context is lost, and all
// memory with it.
//
// Predicted for an H100: fence and count take each block 1 us, most of it while other blocks work;
// the last block moves 64 KiB to and fro in 2.4 us, or none if no value can lie below the floor. A
// launch and setting the peaks to zero, which this spares, take 2 us each. Not measured.

#pragma once
#include "logarithm.cuh"
#include "packs.cuh"

namespace kapre {

template <class Real>
struct Peak {
    Bits<Real> largest;  // bits of the largest value of a group that a logarithm was taken of
    unsigned n_counted;  // blocks that are done; stays 0 if a second kernel raises the values
};

// Round a number as a word does. NaN, and what is beyond the largest Half, stay as they are.
__device__ __forceinline__ float rounded(float x, Half) {
    return fabsf(x) < 65504.0f ? (float)Half(x) : x;
}
template <class Real>
__device__ __forceinline__ Real rounded(Real x, Real) {
    return x;
}

template <class Real, class Word>
struct Floor {
    Real highest, lowest;
    // `task` has the numbers of scaled_log(); `range` is in units of logarithms.
    template <class Task>
    __device__ __forceinline__ Floor(Bits<Real> peak, Real range, const Task& task)
        : highest(scaled_log(from_bits(peak), task)),
          lowest(rounded(rounded(highest, Word()) - range, Word())) {}
    __device__ __forceinline__ Word raise(Word word) const {
        // The logarithm of a smaller number may be larger: nothing exceeds the peak's.
        const Real given = word, value = given > highest ? highest : given;
        return Word(value >= lowest ? value : lowest);  // the floor may be NaN
    }
};

// Unsigned numbers of as many bytes as a pack.
template <int BYTES>
struct RawOf;
template <>
struct RawOf<2> {
    typedef unsigned short Type;
};
template <>
struct RawOf<4> {
    typedef unsigned Type;
};
template <>
struct RawOf<8> {
    typedef uint2 Type;
};
template <>
struct RawOf<16> {
    typedef uint4 Type;
};

// Load what other blocks may have written.
template <int WIDTH, class Word>
__device__ __forceinline__ Pack<Word, WIDTH> load_fresh(const Word* from) {
    Pack<Word, WIDTH> pack;
    typedef typename RawOf<sizeof pack>::Type Raw;
    const Raw raw = __ldcg(reinterpret_cast<const Raw*>(from));
    memcpy(&pack, &raw, sizeof pack);
    return pack;
}

// Raise n neighbouring values, shared by `ranks` threads: in packs, of which each thread has AHEAD on
// their way, and one by one before the first whole pack and behind the last.
template <int AHEAD, class Real, class Word>
__device__ __forceinline__ void raise_all(Word* values, int n, const Floor<Real, Word>& floor,
                                          int rank, int ranks) {
    constexpr int WIDTH = sizeof(Word) == 8 ? 2 : 4;
    const int place = (unsigned long long)values / sizeof(Word) % WIDTH;
    const int n_before = min(n, (WIDTH - place) % WIDTH), n_packs = (n - n_before) / WIDTH;
#pragma unroll 1
    for (int first = rank; first < n_packs; first += AHEAD * ranks) {
        Pack<Word, WIDTH> packs[AHEAD];
#pragma unroll
        for (int j = 0; j < AHEAD; ++j) {
            const int i = first + j * ranks;
            if (i < n_packs) packs[j] = load_fresh<WIDTH>(values + n_before + i * WIDTH);
        }
#pragma unroll
        for (int j = 0; j < AHEAD; ++j) {
            const int i = first + j * ranks;
            if (i >= n_packs) break;
#pragma unroll
            for (int k = 0; k < WIDTH; ++k)
                packs[j].element[k] = floor.raise(packs[j].element[k]);
            store(values + n_before + i * WIDTH, packs[j]);
        }
    }
    if (rank < n - n_packs * WIDTH) {
        Word* value = values + (rank < n_before ? rank : rank + n_packs * WIDTH);
        *value = floor.raise(load_fresh<1>(value).element[0]);
    }
}

// Raise the n values of a group of this peak, which its threads have written and met behind.
template <int AHEAD, class Real, class Word, class Task>
__device__ __forceinline__ void raise_group(Bits<Real> peak, Word* values, int n, const Task& task,
                                            int rank, int ranks) {
    const Floor<Real, Word> floor(peak, task.range, task);
    if (floor.lowest < task.settled) return;  // nothing lies below it
    raise_all<AHEAD>(values, n, floor, rank, ranks);
}

// Raise the n values of a group that `n_blocks` blocks share, if this one is the last to come here.
// All its threads that have work come, when they have written their values and raised the peak.
template <int AHEAD, class Real, class Word, class Task>
__device__ __forceinline__ void raise_if_last(Peak<Real>* peak, unsigned n_blocks, Word* values,
                                              int n, const Task& task, int rank, int ranks) {
    __shared__ bool is_last;
    __shared__ Bits<Real> largest;
    __syncthreads();  // all of the block are done
    if (threadIdx.x == 0) {
        __threadfence();  // whoever sees the count sees what was written before
        is_last = atomicInc(&peak->n_counted, n_blocks - 1) == n_blocks - 1;
        if (is_last) {
            __threadfence();  // nothing below is done before the count
            largest = atomicExch(&peak->largest, (Bits<Real>)0);
        }
    }
    __syncthreads();  // the first thread has told
    if (is_last) raise_group<AHEAD, Real>(largest, values, n, task, rank, ranks);
}

}  // namespace kapre
