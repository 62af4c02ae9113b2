// The scheduler of simt.h. In: a grid and a body. Out: the body run once for every thread.
#include "simt.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {
namespace {

constexpr std::size_t kStack = 256 * 1024;

enum class At { kReady, kLanes, kBarrier, kDone };

struct Fiber {
  ucontext_t context;
  void* stack = nullptr;
  void* fake_stack = nullptr;
  At at = At::kDone;
  unsigned given = 0, taken = 0;
  int source = 0;
};

struct Machine {
  std::vector<Fiber> fibers;
  ucontext_t scheduler;
  void* scheduler_fake = nullptr;
  const void* scheduler_stack = nullptr;
  std::size_t scheduler_size = 0;
  const std::function<void()>* body = nullptr;
  int current = 0, threads = 0;
  long long block = 0, columns = 1;
  std::map<const void*, std::unique_ptr<unsigned char[]>> shared;
};

Machine machine;

[[noreturn]] void fail(const char* what, int thread) {
  std::fprintf(stderr, "simt: %s (block %lld, thread %d)\n", what, machine.block, thread);
  std::abort();
}

void leave_sanitizer(void** save, const void* stack, std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(save, stack, size);
#else
  static_cast<void>(save), static_cast<void>(stack), static_cast<void>(size);
#endif
}

void enter_sanitizer(void* saved, const void** stack, std::size_t* size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(saved, stack, size);
#else
  static_cast<void>(saved), static_cast<void>(stack), static_cast<void>(size);
#endif
}

void pause(At at) {
  Fiber& self = machine.fibers[machine.current];
  self.at = at;
  leave_sanitizer(at == At::kDone ? nullptr : &self.fake_stack, machine.scheduler_stack, machine.scheduler_size);
  swapcontext(&self.context, &machine.scheduler);
  enter_sanitizer(self.fake_stack, nullptr, nullptr);
}

void start() {
  enter_sanitizer(nullptr, &machine.scheduler_stack, &machine.scheduler_size);
  (*machine.body)();
  pause(At::kDone);
}

void resume(int thread) {
  machine.current = thread;
  Fiber& fiber = machine.fibers[thread];
  leave_sanitizer(&machine.scheduler_fake, fiber.stack, kStack);
  swapcontext(&machine.scheduler, &fiber.context);
  enter_sanitizer(machine.scheduler_fake, nullptr, nullptr);
}

void prepare(Fiber& fiber) {
  if (!fiber.stack) {
    fiber.stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fiber.stack == MAP_FAILED) fail("no memory for a thread's stack", 0);
  }
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, start, 0);
  fiber.at = At::kReady;
}

// Runs the wave's threads until each waits or is done; answers their exchanges. Returns whether anything ran.
bool run_wave(int first) {
  const int last = first + PATDSL_WAVE;
  bool ran = false;
  for (;;) {
    for (int i = first; i < last; ++i) {
      if (machine.fibers[i].at == At::kReady) resume(i), ran = true;
    }
    int exchanging = 0;
    for (int i = first; i < last; ++i) exchanging += machine.fibers[i].at == At::kLanes;
    if (exchanging == 0) return ran;
    for (int i = first; i < last; ++i) {
      Fiber& fiber = machine.fibers[i];
      if (fiber.at != At::kLanes) fail("a lane operation that not every lane of the wave reached", i);
      if (fiber.source < 0 || fiber.source >= PATDSL_WAVE) fail("a lane outside the wave was read", i);
      fiber.taken = machine.fibers[first + fiber.source].given;
    }
    for (int i = first; i < last; ++i) machine.fibers[i].at = At::kReady;
  }
}

void run_block() {
  machine.shared.clear();
  for (int i = 0; i < machine.threads; ++i) prepare(machine.fibers[i]);
  for (;;) {
    for (int wave = 0; wave < machine.threads; wave += PATDSL_WAVE) run_wave(wave);
    int waiting = 0;
    for (int i = 0; i < machine.threads; ++i) waiting += machine.fibers[i].at == At::kBarrier;
    if (waiting == 0) return;
    for (int i = 0; i < machine.threads; ++i) {
      if (machine.fibers[i].at != At::kBarrier) fail("a barrier that not every thread of the block reached", i);
      machine.fibers[i].at = At::kReady;
    }
  }
}

}  // namespace

int thread() { return machine.current; }
int threads() { return machine.threads; }
long long block() { return machine.block % machine.columns; }
int block_y() { return static_cast<int>(machine.block / machine.columns); }
int lane() { return machine.current % PATDSL_WAVE; }
void barrier() { pause(At::kBarrier); }

unsigned from_lane(unsigned value, int source) {
  Fiber& self = machine.fibers[machine.current];
  self.given = value;
  self.source = source;
  pause(At::kLanes);
  return self.taken;
}

void* shared(const void* place, std::size_t bytes) {
  std::unique_ptr<unsigned char[]>& memory = machine.shared[place];
  if (!memory) {
    memory.reset(new unsigned char[bytes]);
    std::memset(memory.get(), 0xff, bytes);
  }
  return memory.get();
}

void run(long long grid_x, long long grid_y, int block, const std::function<void()>& body) {
  if (block < 1 || block > 1024 || block % PATDSL_WAVE != 0) fail("a block is whole waves, 1,024 threads at most", block);
  if (machine.fibers.size() < static_cast<std::size_t>(block)) machine.fibers.resize(block);
  machine.body = &body;
  machine.threads = block;
  machine.columns = grid_x;
  for (machine.block = 0; machine.block < grid_x * grid_y; ++machine.block) run_block();
}

}  // namespace simt
