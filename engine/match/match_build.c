/* SPDX-License-Identifier: BSD-3-Clause
 * match_build.c - from patterns to a database: the cache, else a child process with limits
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init() without a context to allocate */
#include "engine/match/match_internal.h"
#include "base/clock.h"
#include <fcntl.h>
#include <openssl/sha.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_S 120u
#define MEMORY_DEFAULT    (4ull << 30)

static void
hash_number(SHA256_CTX *c, uint64_t n)
{
	SHA256_Update(c, &n, sizeof(n));
}

void
match_key(const struct match_spec *spec, uint8_t key[MATCH_KEY_BYTES])
{
	const char *version = hs_version();
	hs_platform_info_t cpu = { 0 };
	SHA256_CTX c;

	BUG_ON(hs_populate_platform(&cpu) != HS_SUCCESS);
	SHA256_Init(&c);
	SHA256_Update(&c, version, strlen(version));
	hash_number(&c, cpu.tune);
	hash_number(&c, cpu.cpu_features);
	hash_number(&c, spec->mode);
	hash_number(&c, spec->cnt);
	for (size_t i = 0; i < spec->cnt; i++) {
		const struct match_pattern *p = &spec->pattern[i];

		hash_number(&c, (uint64_t)p->is_literal | (uint64_t)p->is_caseless << 1 |
		                        (uint64_t)p->is_multiline << 2 |
		                        (uint64_t)p->is_dotall << 3);
		hash_number(&c, p->text.len);
		SHA256_Update(&c, p->text.p, p->text.len);
	}
	SHA256_Final(key, &c);
}

static uint64_t
address_space_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f) {
		if (fscanf(f, "%lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void __attribute__((noreturn))
child(int fd, const struct match_spec *spec, uint64_t memory, unsigned timeout_s)
{
	struct rlimit as = { memory, memory }, cpu = { timeout_s + 1, timeout_s + 1 },
	              core = { 0, 0 };
	sigset_t none;

	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0) /* the run time's last words when memory ends are no log */
		dup2(null, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "weir-compile");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_AS, &as);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	if (setpriority(PRIO_PROCESS, 0, 10) != 0)
		_exit(3);
	match_compile_to(fd, spec);
	_exit(0);
}

/* 0, or what is wrong with the child as a whole. */
static int
wait_for(pid_t pid, unsigned timeout_s)
{
	uint64_t deadline = clock_mono_us() + timeout_s * 1000000ull;
	struct timespec nap = { 0, 200000 };
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			break;
		if (got < 0 && errno != EINTR)
			return -EIO;
		if (clock_mono_us() > deadline) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 20000000)
			nap.tv_nsec *= 2;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return -ETIMEDOUT;
	/* Out of address space shows as an abort of the C++ run time, or as a fault. */
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOMEM;
}

static int
take_result(int fd, const char *cache_dir, struct match_build *b, struct match_db *db)
{
	struct match_result_head *h;
	off_t size = lseek(fd, 0, SEEK_END);
	int rc;

	if (size < (off_t)sizeof(*h))
		return -EIO;
	h = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (h == MAP_FAILED)
		return -ENOMEM;
	rc = h->status;
	b->error_cnt = MIN(h->error_cnt, MATCH_ERRORS_MAX);
	memcpy(b->error, h->error, sizeof(h->error));
	if (rc == 0 && h->db_bytes != (uint64_t)size - sizeof(*h))
		rc = -EIO;
	if (rc == 0 && hs_deserialize_database((const char *)(h + 1), (size_t)h->db_bytes,
	                                       &db->hs) != HS_SUCCESS)
		rc = -EIO;
	if (rc == 0 && cache_dir)
		match_cache_save(cache_dir, db->key, span(h + 1, (size_t)h->db_bytes));
	munmap(h, (size_t)size);
	return rc;
}

static int
compile_in_child(const struct match_spec *spec, struct match_build *b, struct match_db *db)
{
	unsigned timeout_s = b->timeout_s ? b->timeout_s : TIMEOUT_DEFAULT_S;
	uint64_t memory = address_space_bytes() + (b->memory ? b->memory : MEMORY_DEFAULT);
	int fd = memfd_create("weir-compile", MFD_CLOEXEC), rc;
	pid_t pid;

	if (fd < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(fd, spec, memory, timeout_s);
	rc = pid < 0 ? -errno : wait_for(pid, timeout_s);
	if (rc == 0)
		rc = take_result(fd, b->cache_dir, b, db);
	close(fd);
	return rc;
}

static void
whole_error(struct match_build *b, int rc)
{
	b->error_cnt = 1;
	b->error[0].pattern = UINT32_MAX;
	snprintf(b->error[0].text, sizeof(b->error[0].text), "pattern compiler: %s",
	         rc == -ETIMEDOUT ? "out of time"
	         : rc == -ENOMEM  ? "out of memory"
	                          : strerror(-rc));
}

int
match_db_build(const struct match_spec *spec, struct match_build *b, struct match_db **out)
{
	struct match_db *db = calloc(1, sizeof(*db));
	uint64_t start = clock_mono_us();
	int rc = 0;

	BUG_ON(!db);
	db->ref_cnt = 1;
	b->error_cnt = 0;
	match_key(spec, db->key);
	b->from_cache = b->cache_dir && match_cache_load(b->cache_dir, db->key, &db->hs);
	if (!b->from_cache)
		rc = compile_in_child(spec, b, db);
	b->compile_us = b->from_cache ? 0 : clock_mono_us() - start;
	if (rc == 0 && hs_database_size(db->hs, &db->bytes) != HS_SUCCESS)
		rc = -EIO;
	if (rc != 0) {
		if (b->error_cnt == 0)
			whole_error(b, rc);
		match_db_put(db);
		return rc;
	}
	*out = db;
	return 0;
}

struct match_db *
match_db_get(struct match_db *db)
{
	db->ref_cnt++;
	return db;
}

void
match_db_put(struct match_db *db)
{
	if (!db || --db->ref_cnt > 0)
		return;
	if (db->hs)
		BUG_ON(hs_free_database(db->hs) != HS_SUCCESS);
	free(db);
}

const uint8_t *
match_db_key(const struct match_db *db)
{
	return db->key;
}

size_t
match_db_bytes(const struct match_db *db)
{
	return db->bytes;
}
