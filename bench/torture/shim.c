/* Preloaded into the suite: ends the process with SIGKILL at the Nth call that changes a file, or fills its disk.
 *
 * `torture_arm(n, torn)` begins to count. The process ends before the Nth call, or after half of it if it is a write
 * and `torn` is not zero. `torture_count()` is the number of calls since then. A negative `n` stops counting.
 *
 * After `torture_fill(n)` the files of this process may grow by `n` bytes together. Then a write that lets a file grow
 * is cut short or fails with ENOSPC, as on a full disk. A negative `n` empties the disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
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

static atomic_long room = -1;

void torture_fill(long n) { room = n; }

/* How many of `size` bytes at `at` fit on the disk; -1 if none do. A negative `at` is the position of the descriptor. */
static ssize_t fitting(int fd, size_t size, off_t at) {
    struct stat found;
    if (room < 0 || size == 0 || fd <= 2 || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) return (ssize_t)size;
    if (at < 0) at = fcntl(fd, F_GETFL) & O_APPEND ? found.st_size : lseek(fd, 0, SEEK_CUR);
    long inside = at < found.st_size ? found.st_size - at : 0;
    long growth = (long)size - inside;
    if (growth <= 0) return (ssize_t)size;
    long taken = growth < room ? growth : (long)room;
    room -= taken;
    if (inside + taken > 0) return inside + taken;
    errno = ENOSPC;
    return -1;
}

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

/* How many of `size` bytes a copy from this descriptor has, because callers ask for more than the file has. */
static size_t left_in(int from, off_t *at, size_t size) {
    struct stat found;
    if (fstat(from, &found) != 0 || !S_ISREG(found.st_mode)) return size;
    off_t begin = at ? *at : lseek(from, 0, SEEK_CUR);
    size_t left = begin < found.st_size ? (size_t)(found.st_size - begin) : 0;
    return left < size ? left : size;
}

/* Descriptors 0 to 2 are the terminal's. The call writes `wanted` bytes at `place` in the file. */
#define DIES_WITHIN(type, name, parameters, arguments, half, wanted, place) \
    CALL(type, name, parameters)                            \
        if (fd > 2 && is_last()) {                          \
            if (torn_writes && size > 1) (void)!real half;  \
            die();                                          \
        }                                                   \
        ssize_t fits = fitting(fd, wanted, place);            \
        if (fits < 0) return -1;                            \
        size = (size_t)fits;                                \
        return real arguments;                              \
    }

DIES_WITHIN(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), (fd, data, size / 2), size, -1)
DIES_WITHIN(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at),
            (fd, data, size / 2, at), size, at)
DIES_WITHIN(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at),
            (fd, data, size / 2, at), size, at)
DIES_WITHIN(ssize_t, sendfile, (int fd, int from, off_t *at, size_t size), (fd, from, at, size),
            (fd, from, at, size / 2), left_in(from, at, size), -1)
DIES_WITHIN(ssize_t, sendfile64, (int fd, int from, off64_t *at, size_t size), (fd, from, at, size),
            (fd, from, at, size / 2), left_in(from, at, size), -1)

/* These write nothing if not everything fits. */
CALL(ssize_t, writev, (int fd, const struct iovec *parts, int number))
    if (is_last()) die();
    size_t size = 0;
    for (int part = 0; part < number; part++) size += parts[part].iov_len;
    if (fitting(fd, size, -1) < (ssize_t)size) { errno = ENOSPC; return -1; }
    return real(fd, parts, number);
}

CALL(ssize_t, copy_file_range, (int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags))
    if (is_last()) die();
    if (fitting(to, left_in(from, a, size), b ? *b : -1) < (ssize_t)left_in(from, a, size)) { errno = ENOSPC; return -1; }
    return real(from, a, to, b, size, flags);
}

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
