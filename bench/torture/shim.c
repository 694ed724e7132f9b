/* Preloaded into the suite: ends the process with SIGKILL at the Nth call that changes a file.
 *
 * `torture_arm(n, torn)` begins to count. The process ends before the Nth call, or after half of it if it is a write
 * and `torn` is not zero. `torture_count()` is the number of calls since then. A negative `n` stops counting.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long counted;
static atomic_long kill_at = -1;
static atomic_int torn_writes;

void torture_arm(long n, int torn) { torn_writes = torn; counted = 0; kill_at = n; }
long torture_count(void) { return counted; }

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }
static int is_last(void) { return kill_at >= 0 && atomic_fetch_add(&counted, 1) + 1 == kill_at; }

/* Declares the function that stands for `name`, and within it `real`, the function of the C library. */
#define CALL(type, name, parameters)                        \
    type name parameters {                                  \
        static type (*real) parameters;                     \
        if (!real) real = dlsym(RTLD_NEXT, #name);

#define DIES_BEFORE(type, name, parameters, arguments)      \
    CALL(type, name, parameters)                            \
        if (is_last()) die();                               \
        return real arguments;                              \
    }

/* Descriptors 0 to 2 are the terminal's. */
#define DIES_WITHIN(type, name, parameters, arguments, half) \
    CALL(type, name, parameters)                            \
        if (fd > 2 && is_last()) {                          \
            if (torn_writes && size > 1) (void)!real half;  \
            die();                                          \
        }                                                   \
        return real arguments;                              \
    }

DIES_WITHIN(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), (fd, data, size / 2))
DIES_WITHIN(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at),
            (fd, data, size / 2, at))
DIES_WITHIN(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at),
            (fd, data, size / 2, at))
DIES_WITHIN(ssize_t, sendfile, (int fd, int from, off_t *at, size_t size), (fd, from, at, size),
            (fd, from, at, size / 2))
DIES_WITHIN(ssize_t, sendfile64, (int fd, int from, off64_t *at, size_t size), (fd, from, at, size),
            (fd, from, at, size / 2))
DIES_BEFORE(ssize_t, writev, (int fd, const struct iovec *parts, int number), (fd, parts, number))
DIES_BEFORE(ssize_t, copy_file_range, (int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags),
            (from, a, to, b, size, flags))
DIES_BEFORE(int, fsync, (int fd), (fd))
DIES_BEFORE(int, fdatasync, (int fd), (fd))
DIES_BEFORE(int, ftruncate, (int fd, off_t size), (fd, size))
DIES_BEFORE(int, ftruncate64, (int fd, off64_t size), (fd, size))
DIES_BEFORE(int, rename, (const char *from, const char *to), (from, to))
DIES_BEFORE(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
DIES_BEFORE(int, unlink, (const char *path), (path))
DIES_BEFORE(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
DIES_BEFORE(int, rmdir, (const char *path), (path))
DIES_BEFORE(int, mkdir, (const char *path, mode_t mode), (path, mode))
DIES_BEFORE(int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
