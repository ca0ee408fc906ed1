#include "audio_thread_guard.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define GUARD_UNDER_SANITIZER
#elif defined(__x86_64__)
#define GUARD_SEES_SYSTEM_CALLS
#endif

namespace {

thread_local int depth = 0;  // how many guards live on this thread

void say(const char* text) { [[maybe_unused]] const auto written = write(STDERR_FILENO, text, std::strlen(text)); }

[[noreturn]] void abort_for(const char* what) {
  depth = 0;
  say("\naudio thread called ");
  say(what);
  say(" at\n");
  std::array<void*, 32> frames{};
  backtrace_symbols_fd(frames.data(), backtrace(frames.data(), static_cast<int>(frames.size())), STDERR_FILENO);
  std::abort();
}

void forbid(const char* what) {
  if (depth > 0) abort_for(what);
}

/// The function that this program's own one of that name hides.
void* next_function(const char* name) {
  void* found = nullptr;
#if !defined(GUARD_UNDER_SANITIZER)  // whose own functions stand before those of the C library, and have no version
  // Condition variables exist in two versions on x86-64, and dlsym may find the older, incompatible one.
  if (std::strncmp(name, "pthread_cond_", 13) == 0) found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
#endif
  if (found == nullptr) found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) abort_for(name);
  return found;
}

}  // namespace

#define FORBID(exception, name, parameters, arguments)                                  \
  extern "C" int name parameters exception {                                            \
    static const auto next = reinterpret_cast<int(*) parameters>(next_function(#name)); \
    forbid(#name);                                                                      \
    return next arguments;                                                              \
  }

FORBID(noexcept, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
FORBID(noexcept, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
FORBID(noexcept, pthread_mutex_timedlock, (pthread_mutex_t * mutex, const timespec* until), (mutex, until))
FORBID(noexcept, pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex))
FORBID(noexcept, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
FORBID(noexcept, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
FORBID(noexcept, pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock))
FORBID(, pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t* mutex), (condition, mutex))
FORBID(, pthread_cond_timedwait, (pthread_cond_t * condition, pthread_mutex_t* mutex, const timespec* until),
       (condition, mutex, until))
FORBID(, pthread_cond_clockwait,
       (pthread_cond_t * condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until),
       (condition, mutex, clock, until))
FORBID(noexcept, pthread_cond_signal, (pthread_cond_t * condition), (condition))
FORBID(noexcept, pthread_cond_broadcast, (pthread_cond_t * condition), (condition))
FORBID(, sem_wait, (sem_t * semaphore), (semaphore))
FORBID(, sem_timedwait, (sem_t * semaphore, const timespec* until), (semaphore, until))
FORBID(noexcept, sem_post, (sem_t * semaphore), (semaphore))

#if defined(GUARD_UNDER_SANITIZER)

// The sanitizer has to stay the allocator, and tells of every use.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                                         void (*on_free)(const volatile void*));

namespace {
[[maybe_unused]] const int hooks = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { forbid("malloc"); }, [](const volatile void*) { forbid("free"); });
}  // namespace

#else

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t size) noexcept {
  forbid("malloc");
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  forbid("calloc");
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
  forbid("realloc");
  return __libc_realloc(memory, size);
}
void free(void* memory) noexcept {
  forbid("free");
  __libc_free(memory);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
  forbid("memalign");
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  forbid("aligned_alloc");
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  forbid("posix_memalign");
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
}

#endif

#if defined(GUARD_SEES_SYSTEM_CALLS)

// A system call that the filter knows by the address it comes from, and lets pass.
extern "C" long guard_pass(long number, long a, long b, long c, long d, long e, long f);
extern "C" const char guard_passed[];
asm(R"(
.text
.globl guard_pass
.type guard_pass, @function
guard_pass:
  movq %rdi, %rax
  movq %rsi, %rdi
  movq %rdx, %rsi
  movq %rcx, %rdx
  movq %r8, %r10
  movq %r9, %r8
  movq 8(%rsp), %r9
  syscall
.globl guard_passed
guard_passed:
  ret
.size guard_pass, .-guard_pass
)");

namespace {

thread_local bool filtered = false;

/// Every system call of a filtered thread arrives here: outside of a guard it is made after all.
void on_system_call(int, siginfo_t* info, void* context) {
  if (depth > 0) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "the system, number %d,", info->si_syscall);
    abort_for(text.data());
  }
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  registers[REG_RAX] = guard_pass(registers[REG_RAX], registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                                  registers[REG_R10], registers[REG_R8], registers[REG_R9]);
}

constexpr sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

constexpr sock_filter if_equal(std::uint32_t value, std::uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0);
}

constexpr sock_filter unless_equal(std::uint32_t value, std::uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}

[[noreturn]] void cannot(const char* what) {
  std::perror(what);
  std::abort();
}

/// Sends every system call of this thread to on_system_call, but for those of guard_pass and a handler's return.
void filter_this_thread() {
  struct sigaction action{};
  action.sa_sigaction = on_system_call;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSYS, &action, nullptr) != 0) cannot("sigaction");
  const auto passed = reinterpret_cast<std::uintptr_t>(guard_passed);
  constexpr std::size_t address = offsetof(seccomp_data, instruction_pointer);
  std::array<sock_filter, 8> program{
      load(address),
      unless_equal(static_cast<std::uint32_t>(passed), 2),
      load(address + 4),
      if_equal(static_cast<std::uint32_t>(passed >> 32U), 3),
      load(offsetof(seccomp_data, nr)),
      if_equal(SYS_rt_sigreturn, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) cannot("no new privileges");
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) cannot("seccomp");
  filtered = true;
}

}  // namespace

#endif

AudioThreadGuard::AudioThreadGuard() noexcept {
#if defined(GUARD_SEES_SYSTEM_CALLS)
  if (!filtered) filter_this_thread();
#endif
  ++depth;
}

AudioThreadGuard::~AudioThreadGuard() { --depth; }

bool AudioThreadGuard::sees_system_calls() noexcept {
#if defined(GUARD_SEES_SYSTEM_CALLS)
  return true;
#else
  return false;
#endif
}
