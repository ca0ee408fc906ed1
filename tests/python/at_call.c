/* Preloaded into the program (LD_PRELOAD): something happens at one of its calls that change the file system, counted
 * from 1. AT_CALL=kill:7 ends the process before the seventh call, as kill -9 would; AT_CALL=fail:2 lets the second
 * rename fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_call(const char* action) {
  static int calls;
  const char* wanted = getenv("AT_CALL");
  if (wanted == NULL || strncmp(wanted, action, strlen(action)) != 0) return 0;
  return __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) == atoi(strchr(wanted, ':') + 1);
}

static void* real(const char* name) {
  if (is_call("kill")) kill(getpid(), SIGKILL);
  return dlsym(RTLD_NEXT, name);
}

int rename(const char* from, const char* to) {
  int (*call)(const char*, const char*) = (int (*)(const char*, const char*))real("rename");
  if (!is_call("fail")) return call(from, to);
  errno = EACCES;
  return -1;
}

int link(const char* from, const char* to) { return ((int (*)(const char*, const char*))real("link"))(from, to); }

int mkdir(const char* path, mode_t mode) { return ((int (*)(const char*, mode_t))real("mkdir"))(path, mode); }

int remove(const char* path) { return ((int (*)(const char*))real("remove"))(path); }

int unlinkat(int folder, const char* path, int flags) {
  return ((int (*)(int, const char*, int))real("unlinkat"))(folder, path, flags);
}

ssize_t write(int file, const void* bytes, size_t count) {
  return ((ssize_t (*)(int, const void*, size_t))real("write"))(file, bytes, count);
}
