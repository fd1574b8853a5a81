/* A disk that loses power (protocol-spec/07-delivery, "Storage"; tests/tests/power_cut.rs builds and uses it).
 *
 * Preloaded into a process, this library keeps a shadow of one folder that holds only what the process has made
 * durable. Whoever kills the process finds in the shadow what a disk would hold after a power cut:
 *
 *   SHADOW/files/N    contents of file number N as of its last fsync or fdatasync
 *   SHADOW/names/P    names in folder P (its path below the root, '/' written as '%'), as of its last fsync:
 *                     lines "f N name" and "d name"
 *   SHADOW/inodes     a line "N inode" for each file, the latest last: which number a file of the live folder has
 *
 * Rules: written bytes are durable after fsync or fdatasync of their file, and after nothing else: sync_file_range
 * counts for nothing. A name that is made, changed or removed is durable after fsync of its folder, and not by fsync
 * of the file (ext4 is kinder). What was there when the process began is durable. Files are numbered when they are
 * made, so that an inode that is used again is not taken for the old file. Calls are serialised, so that each fsync
 * covers exactly the writes that returned before it. The torn parts of unsynced writes are the test's business: it
 * still has the live folder.
 *
 * Environment: CUT_ROOT the folder, CUT_SHADOW the shadow; and for faults
 *   CUT_IGNORE_FILE PATTERN  syncs of files and folders with such a name (a shell's pattern) do nothing
 *   CUT_IGNORE_THREAD NAME   syncs by threads with this name do nothing
 *   CUT_FULL_AFTER BYTES     after so many bytes written below the root, writes fail with ENOSPC
 *   CUT_SYNC_FAILS N         the Nth sync of what is named as CUT_SYNC_FILE says (a shell's pattern, of folders alone where
 *                            it ends in "/"; "db" unless set), by a thread named CUT_SYNC_THREAD (any unless set), fails
 *                            with EIO, as the kernel reports it: once, and what was to be synced is thrown away.
 *                            SHADOW/sync-failed then holds its path. Should such a thread sync the same file again (of
 *                            the database: the same descriptor), SHADOW/synced-again appears.
 *   CUT_READ_ONLY 1          nothing below the root can be made or opened for writing (EROFS)
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct range { off_t from, to; };
struct file {
    dev_t dev;
    ino_t ino;            /* 0 once the inode belongs to a later file */
    off_t cut;            /* smallest size it was cut to since the last sync; -1 if it was not */
    struct range *dirty;
    size_t dirties, room;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files;
static size_t file_count, file_room;
static char root[PATH_MAX], shadow[PATH_MAX];
static long long full_after = -1, written;
static long sync_fails = 0, syncs;
static int read_only, sync_failed, failed_file, failed_fd = -1, active, inodes = -1;
static size_t failed_number;

/* --- the system underneath: raw calls, which nothing interposes ------------------------------------------------ */

static int raw_open(const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}
static ssize_t raw_pwrite(int fd, const void *bytes, size_t n, off_t at) {
    return syscall(SYS_pwrite64, fd, bytes, n, at);
}
static int raw_truncate(int fd, off_t size) { return (int)syscall(SYS_ftruncate, fd, size); }
static void raw_close(int fd) { syscall(SYS_close, fd); }

static void die(const char *what) {
    dprintf(2, "power-cut shim: %s: %s\n", what, strerror(errno));
    _exit(99);
}

/* --- which file is it ------------------------------------------------------------------------------------------- */

static struct file *find(const struct stat *st, size_t *number) {
    for (size_t i = file_count; i-- > 0;)
        if (files[i].ino == st->st_ino && files[i].dev == st->st_dev) {
            if (number) *number = i;
            return &files[i];
        }
    return NULL;
}

static size_t enlist(const struct stat *st) {
    struct file *old = find(st, NULL);
    if (old) old->ino = 0;
    if (file_count == file_room) {
        file_room = file_room ? 2 * file_room : 64;
        files = realloc(files, file_room * sizeof *files);
        if (!files) die("memory");
    }
    files[file_count] = (struct file){ .dev = st->st_dev, .ino = st->st_ino, .cut = -1 };
    char line[64];
    int n = snprintf(line, sizeof line, "%zu %llu\n", file_count, (unsigned long long)st->st_ino);
    if (syscall(SYS_write, inodes, line, (size_t)n) != n) die("inodes");
    return file_count++;
}

static struct file *of_fd(int fd, size_t *number) {
    struct stat st;
    if (!active || fstat(fd, &st) || !S_ISREG(st.st_mode)) return NULL;
    return find(&st, number);
}

/* Whether a path lies below the root; then also its part below the root. */
static int below(const char *path, const char **rest) {
    size_t n = strlen(root);
    if (strncmp(path, root, n) || (path[n] && path[n] != '/')) return 0;
    if (rest) *rest = path + n + (path[n] == '/');
    return 1;
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return 1;
}

static void absolute(int dirfd, const char *path, char *out) {
    if (path[0] == '/') snprintf(out, PATH_MAX, "%s", path);
    else if (dirfd == AT_FDCWD && getcwd(out, PATH_MAX)) {
        size_t n = strlen(out);
        snprintf(out + n, PATH_MAX - n, "/%s", path);
    } else out[0] = 0;
}

/* --- making things durable -------------------------------------------------------------------------------------- */

static void note(struct file *file, off_t from, off_t to) {
    if (file->dirties && file->dirty[file->dirties - 1].to == from) {
        file->dirty[file->dirties - 1].to = to;
        return;
    }
    if (file->dirties == file->room) {
        file->room = file->room ? 2 * file->room : 16;
        file->dirty = realloc(file->dirty, file->room * sizeof *file->dirty);
        if (!file->dirty) die("memory");
    }
    file->dirty[file->dirties++] = (struct range){ from, to };
}

static void sync_file(const char *live, struct file *file, size_t number) {
    static char buffer[1 << 18];
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/files/%zu", shadow, number);
    int from = raw_open(live, O_RDONLY, 0), to = raw_open(path, O_WRONLY | O_CREAT, 0600);
    struct stat st;
    if (from < 0 || to < 0 || fstat(from, &st)) die(path);
    if (file->cut >= 0 && raw_truncate(to, file->cut)) die(path);
    for (size_t i = 0; i < file->dirties; i++) {
        off_t at = file->dirty[i].from, end = file->dirty[i].to < st.st_size ? file->dirty[i].to : st.st_size;
        while (at < end) {
            size_t want = (size_t)(end - at) < sizeof buffer ? (size_t)(end - at) : sizeof buffer;
            ssize_t n = pread(from, buffer, want, at);
            if (n <= 0 || raw_pwrite(to, buffer, (size_t)n, at) != n) die(path);
            at += n;
        }
    }
    if (raw_truncate(to, st.st_size)) die(path);
    file->dirties = 0;
    file->cut = -1;
    raw_close(from);
    raw_close(to);
}

static void sync_folder(const char *live) {
    const char *rest;
    if (!below(live, &rest)) return;
    char name[PATH_MAX], path[PATH_MAX * 3], new[PATH_MAX * 3];
    snprintf(name, sizeof name, "%s", *rest ? rest : "%");
    for (char *c = name; *c; c++) if (*c == '/') *c = '%';
    snprintf(path, sizeof path, "%s/names/%s", shadow, name);
    snprintf(new, sizeof new, "%s/new-names", shadow);
    int out = raw_open(new, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    DIR *dir = opendir(live);
    if (out < 0 || !dir) die(live);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char of[PATH_MAX * 2];
        struct stat st;
        size_t number;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(of, sizeof of, "%s/%s", live, entry->d_name);
        if (lstat(of, &st)) continue;
        char line[PATH_MAX];
        int n = 0;
        if (S_ISDIR(st.st_mode)) n = snprintf(line, sizeof line, "d %s\n", entry->d_name);
        else if (find(&st, &number)) n = snprintf(line, sizeof line, "f %zu %s\n", number, entry->d_name);
        if (n > 0) syscall(SYS_write, out, line, (size_t)n);
    }
    closedir(dir);
    raw_close(out);
    if (syscall(SYS_renameat2, AT_FDCWD, new, AT_FDCWD, path, 0)) die(path);
}

static void enlist_all(const char *live) {
    DIR *dir = opendir(live);
    if (!dir) die(live);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX];
        struct stat st;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", live, entry->d_name) >= sizeof path) continue;
        if (lstat(path, &st)) continue;
        if (S_ISDIR(st.st_mode)) enlist_all(path);
        else if (S_ISREG(st.st_mode)) {
            size_t number = enlist(&st);
            note(&files[number], 0, st.st_size);
            sync_file(path, &files[number], number);
        }
    }
    closedir(dir);
    sync_folder(live);
}

__attribute__((constructor)) static void begin(void) {
    const char *from = getenv("CUT_ROOT"), *to = getenv("CUT_SHADOW"), *value;
    if (!from || !to || !realpath(from, root) || !realpath(to, shadow)) return;
    if ((value = getenv("CUT_FULL_AFTER"))) full_after = atoll(value);
    if ((value = getenv("CUT_SYNC_FAILS"))) sync_fails = atol(value);
    read_only = getenv("CUT_READ_ONLY") != NULL;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/files", shadow);
    syscall(SYS_mkdirat, AT_FDCWD, path, 0700);
    snprintf(path, sizeof path, "%s/names", shadow);
    syscall(SYS_mkdirat, AT_FDCWD, path, 0700);
    snprintf(path, sizeof path, "%s/inodes", shadow);
    inodes = raw_open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (inodes < 0) die(path);
    pthread_mutex_lock(&lock);
    enlist_all(root);
    active = 1;
    pthread_mutex_unlock(&lock);
}

/* --- the calls -------------------------------------------------------------------------------------------------- */

static int in_thread(const char *variable) {
    const char *name = getenv(variable);
    char own[17] = { 0 };
    return name && !prctl(PR_GET_NAME, own) && !strncmp(own, name, 15);
}

static int is_named(const char *path, const char *pattern) {
    const char *last = strrchr(path, '/');
    return pattern && last && !fnmatch(pattern, last + 1, 0);
}

/* Leaves a file in the shadow for whoever looks at what has happened. */
static void mark(const char *name, const char *text) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", shadow, name);
    int fd = raw_open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0 || syscall(SYS_write, fd, text, strlen(text)) < 0) die(path);
    raw_close(fd);
}

/* Whether this sync fails: one does, and takes with it what it was to make durable. */
static int fails(int fd, const char *path, struct file *file, size_t number) {
    const char *named = getenv("CUT_SYNC_FILE");
    char pattern[128];
    size_t n = (size_t)snprintf(pattern, sizeof pattern, "%s", named ? named : "db");
    if (n && n < sizeof pattern && pattern[n - 1] == '/') {
        pattern[n - 1] = 0;
        if (file) return 0;
    }
    if (!sync_fails || !is_named(path, pattern)) return 0;
    if (getenv("CUT_SYNC_THREAD") && !in_thread("CUT_SYNC_THREAD")) return 0;
    if (sync_failed) {
        /* sled has descriptors of its own to the database, and syncs one as it is closed. */
        int same = is_named(path, "db") ? fd == failed_fd : number == failed_number;
        if (file && failed_file && same) mark("synced-again", path);
        return 0;
    }
    if (++syncs < sync_fails) return 0;
    sync_failed = 1;
    failed_file = file != NULL;
    failed_number = number;
    failed_fd = fd;
    if (file) file->dirties = 0;
    mark("sync-failed", path);
    return 1;
}

static int do_sync(int fd) {
    struct stat st;
    char path[PATH_MAX];
    if (!active || fstat(fd, &st) || !path_of(fd, path) || !below(path, NULL)) return (int)syscall(SYS_fsync, fd);
    int result = 0;
    pthread_mutex_lock(&lock);
    size_t number = 0;
    struct file *file = S_ISREG(st.st_mode) ? find(&st, &number) : NULL;
    if (fails(fd, path, file, number)) {
        errno = EIO;
        result = -1;
    } else if (is_named(path, getenv("CUT_IGNORE_FILE")) || in_thread("CUT_IGNORE_THREAD")) {
        /* as if it had not been called */
    } else if (S_ISDIR(st.st_mode)) sync_folder(path);
    else if (file) {
        char live[64];
        snprintf(live, sizeof live, "/proc/self/fd/%d", fd);
        sync_file(live, file, number);
    }
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}

int fsync(int fd) { return do_sync(fd); }
int fdatasync(int fd) { return do_sync(fd); }

int sync_file_range(int fd, off64_t from, off64_t count, unsigned flags) {
    (void)fd, (void)from, (void)count, (void)flags;
    return 0;
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    absolute(dirfd, path, full);
    if (!active || !below(full, NULL)) return (int)syscall(SYS_openat, dirfd, path, flags, mode);
    if (read_only && (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))) {
        errno = EROFS;
        return -1;
    }
    pthread_mutex_lock(&lock);
    struct stat st;
    int existed = !syscall(SYS_newfstatat, dirfd, path, &st, 0);
    int fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
    int saved = errno;
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
        if (!existed) enlist(&st);
        else if (flags & O_TRUNC) {
            struct file *file = find(&st, NULL);
            if (file) file->cut = 0;
        }
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define OPEN_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { OPEN_MODE(flags) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPEN_MODE(flags) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { OPEN_MODE(flags) return do_open(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { OPEN_MODE(flags) return do_open(dir, path, flags, mode); }

static ssize_t do_pwrite(int fd, const void *bytes, size_t n, off_t at, int sequential) {
    pthread_mutex_lock(&lock);
    struct file *file = of_fd(fd, NULL);
    if (file && full_after >= 0 && (written += (long long)n) > full_after) {
        pthread_mutex_unlock(&lock);
        /* Late enough that somebody waits for it already. */
        usleep(20000);
        errno = ENOSPC;
        return -1;
    }
    if (!file) {
        /* Not ours: a pipe may block, so not under the lock. */
        pthread_mutex_unlock(&lock);
        return sequential ? syscall(SYS_write, fd, bytes, n) : raw_pwrite(fd, bytes, n, at);
    }
    ssize_t result = sequential ? syscall(SYS_write, fd, bytes, n) : raw_pwrite(fd, bytes, n, at);
    int saved = errno;
    if (result > 0) {
        if (sequential) at = lseek(fd, 0, SEEK_CUR) - result;
        note(file, at, at + result);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}

ssize_t write(int fd, const void *bytes, size_t n) { return do_pwrite(fd, bytes, n, 0, 1); }
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { return do_pwrite(fd, bytes, n, at, 0); }
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) { return do_pwrite(fd, bytes, n, at, 0); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        if (!parts[i].iov_len) continue;
        ssize_t n = do_pwrite(fd, parts[i].iov_base, parts[i].iov_len, 0, 1);
        if (n < 0) return total ? total : n;
        total += n;
        if ((size_t)n < parts[i].iov_len) break;
    }
    return total;
}

static int do_truncate(int fd, off_t size) {
    pthread_mutex_lock(&lock);
    struct file *file = of_fd(fd, NULL);
    int result = raw_truncate(fd, size);
    int saved = errno;
    if (!result && file && (file->cut < 0 || size < file->cut)) file->cut = size;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}
int ftruncate(int fd, off_t size) { return do_truncate(fd, size); }
int ftruncate64(int fd, off64_t size) { return do_truncate(fd, size); }

int mkdir(const char *path, mode_t mode) {
    char full[PATH_MAX];
    absolute(AT_FDCWD, path, full);
    if (active && read_only && below(full, NULL)) {
        errno = EROFS;
        return -1;
    }
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
