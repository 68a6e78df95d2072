// What the two halves of the runtime share: runtime.cpp runs threads, checker.cpp watches them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

struct dim3 {
    unsigned x, y, z;
};
struct EmuIndices {
    dim3 tid, bid, bdim, gdim;
};

enum { MAX_THREADS = 1024, WARP = 32 };
constexpr size_t STACK_BYTES = 64 << 10;  // of a thread

// State of the thread that runs now.
extern "C" EmuIndices emu_idx;
extern "C" unsigned char* emu_dynamic_shared;
extern int current;                  // its number in its block
extern int32_t block_number;         // counts the blocks of a launch in the order they run
extern uint32_t interval;            // of the block, between two barriers; unique in a launch
extern char* stacks;                 // of all threads, one after the other
uint32_t warp_interval(int thread);  // between two __syncwarp of a thread, within an interval

// Note a mistake of the kernel, with the thread that made it.
void fail(const std::string& message);

// End the thread that runs: its next access would harm the process.
void end_thread();

// What the checker is told. `dynamic_bytes`: of shared memory sized at launch.
void checker_begin_launch(bool checked, size_t dynamic_bytes, int counted_blocks);
void checker_begin_block();
void checker_end_block();
void checker_watch(bool on);  // off while the scheduler itself runs
void checker_reset();
