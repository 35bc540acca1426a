/* SPDX-License-Identifier: BSD-3-Clause
 * match_child.c - work in a process of its own, with a bound on memory and time
 */
#include "engine/match/match_internal.h"
#include "base/clock.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_S 120u
#define MEMORY_DEFAULT    (4ull << 30)

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
child(int fd, match_work_fn *work, const void *arg, uint64_t memory, unsigned timeout_s)
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
	work(fd, arg);
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

int
match_child_run(match_work_fn *work, const void *arg, const struct match_build *b, int *fd)
{
	unsigned timeout_s = b->timeout_s ? b->timeout_s : TIMEOUT_DEFAULT_S;
	uint64_t memory = address_space_bytes() + (b->memory ? b->memory : MEMORY_DEFAULT);
	pid_t pid;

	*fd = memfd_create("weir-compile", MFD_CLOEXEC);
	if (*fd < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(*fd, work, arg, memory, timeout_s);
	return pid < 0 ? -errno : wait_for(pid, timeout_s);
}
