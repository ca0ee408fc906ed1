/* A system that has no more threads: after `threads_left` of them every further one is refused. Linked into a program,
 * or preloaded with DEMUCS_ORT_TEST_THREADS_LEFT set; with DEMUCS_ORT_TEST_REFUSED_THREAD only the one of that number
 * is refused. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef void* (*thread_work)(void*);
typedef int (*create_thread)(pthread_t*, const pthread_attr_t*, thread_work, void*);

atomic_long threads_left = 1L << 30;
static atomic_long before_refused = 1L << 30;

__attribute__((constructor)) static void read_environment(void) {
  const char* number = getenv("DEMUCS_ORT_TEST_THREADS_LEFT");
  if (number != NULL) threads_left = strtol(number, NULL, 10);
  const char* refused = getenv("DEMUCS_ORT_TEST_REFUSED_THREAD");
  if (refused != NULL) before_refused = strtol(refused, NULL, 10) - 1;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, thread_work work, void* argument) {
  void* const found = dlsym(RTLD_NEXT, "pthread_create");
  create_thread create = NULL;
  memcpy(&create, &found, sizeof create);
  if (atomic_fetch_sub(&threads_left, 1) <= 0 || atomic_fetch_sub(&before_refused, 1) == 0) return EAGAIN;
  return create(thread, attributes, work, argument);
}
