/* Loaded before libc: what a process syncs or writes fails with EIO or ENOSPC where a control file
   says so. A line of it is a call and a part of a path: "fsync /pg_wal/". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int refused(const char *call, int descriptor) {
    char control[1024], path[1024], name[64];
    /* By system calls, so that nothing here comes round again. */
    long file = syscall(SYS_openat, AT_FDCWD, CONTROL, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    long read_bytes = syscall(SYS_read, file, control, sizeof control - 1);
    syscall(SYS_close, file);
    if (read_bytes <= 0) return 0;
    control[read_bytes] = 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    char *rest = 0;
    for (char *line = strtok_r(control, "\n", &rest); line; line = strtok_r(0, "\n", &rest)) {
        char *part = strchr(line, ' ');
        if (!part) continue;
        *part++ = 0;
        if (strcmp(line, call) == 0 && strstr(path, part)) return 1;
    }
    return 0;
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
