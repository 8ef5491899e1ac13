/* Loaded before libc: what a process syncs or writes fails with EIO or ENOSPC where a control file
   says so. A line of it is a call and a part of a path: "fsync /pg_wal/". And the wall clock of
   whoever has certain words in its command line is off: "clock 3600 mains.daemon.agent". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* By system calls, so that nothing here comes round again. */
static int contents(const char *path, char *into, size_t size) {
    long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    long count = syscall(SYS_read, file, into, size - 1);
    syscall(SYS_close, file);
    if (count <= 0) return 0;
    into[count] = 0;
    /* A command line has a zero between its words. */
    for (long at = 0; at < count; at++)
        if (!into[at]) into[at] = ' ';
    return 1;
}

/* Returns what stands behind a call and what belongs to this word, or nothing. */
static char *told(char *control, const char *call, const char *word) {
    char *rest = 0;
    size_t length = strlen(call);
    for (char *line = strtok_r(control, "\n", &rest); line; line = strtok_r(0, "\n", &rest)) {
        char *part = strrchr(line, ' ');
        if (part && strncmp(line, call, length) == 0 && line[length] == ' ' && strstr(word, part + 1))
            return line + length;
    }
    return 0;
}

static int refused(const char *call, int descriptor) {
    char control[1024], path[1024], name[64];
    if (!contents(CONTROL, control, sizeof control)) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return told(control, call, path) != 0;
}

static long seconds_off(void) {
    char control[1024], command[4096];
    if (!contents(CONTROL, control, sizeof control)) return 0;
    if (!contents("/proc/self/cmdline", command, sizeof command)) return 0;
    char *seconds = told(control, "clock", command);
    return seconds ? atol(seconds) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int answer = (int)syscall(SYS_clock_gettime, clock, now);
    if (answer == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int kept = errno;
        now->tv_sec += seconds_off();
        errno = kept;
    }
    return answer;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec told_now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &told_now) != 0) return -1;
    now->tv_sec = told_now.tv_sec;
    now->tv_usec = told_now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}

int fsync(int descriptor) {
    if (refused("fsync", descriptor)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor) {
    if (refused("fsync", descriptor)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, descriptor);
}

ssize_t pwrite(int descriptor, const void *from, size_t count, off_t at) {
    if (refused("write", descriptor)) { errno = EIO; return -1; }
    return syscall(SYS_pwrite64, descriptor, from, count, at);
}

ssize_t pwrite64(int descriptor, const void *from, size_t count, off_t at) {
    return pwrite(descriptor, from, count, at);
}

ssize_t pwritev(int descriptor, const struct iovec *from, int count, off_t at) {
    if (refused("write", descriptor)) { errno = EIO; return -1; }
    return syscall(SYS_pwritev, descriptor, from, count, at, 0);
}

ssize_t write(int descriptor, const void *from, size_t count) {
    if (refused("write", descriptor)) { errno = EIO; return -1; }
    return syscall(SYS_write, descriptor, from, count);
}
