/* SPDX-License-Identifier: BSD-3-Clause
 * malloc_count.c - the heap's names, interposed
 */
#include "tests/malloc_count.h"
#include "base/base.h"
#include <execinfo.h>
#include <malloc.h>
#include <unistd.h>

static __thread bool armed;
static __thread uint64_t cnt;
static bool traces;

void
malloc_count_on(void)
{
	cnt = 0;
	armed = true;
}

uint64_t
malloc_count_off(void)
{
	armed = false;
	return cnt;
}

void
malloc_count_trace(void)
{
	void *frames[1];

	backtrace(frames, 1); /* loads what it needs now */
	traces = true;
}

static void
count(void)
{
	void *frames[32];

	if (!armed)
		return;
	cnt++;
	if (!traces)
		return;
	armed = false;
	backtrace_symbols_fd(frames, backtrace(frames, ARRAY_LEN(frames)), STDERR_FILENO);
	(void)!write(STDERR_FILENO, "--\n", 3);
	armed = true;
}

#if defined(__SANITIZE_ADDRESS__)

/* sanitizer/allocator_interface.h */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void
on_malloc(const volatile void *p, size_t n)
{
	(void)p;
	(void)n;
	count();
}

static void
on_free(const volatile void *p)
{
	(void)p;
}

__attribute__((constructor)) static void
install(void)
{
	BUG_ON(!__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free));
}

#else

/* glibc's own; these programs link no other heap. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

void *
malloc(size_t n)
{
	count();
	return __libc_malloc(n);
}

void *
calloc(size_t n, size_t bytes)
{
	count();
	return __libc_calloc(n, bytes);
}

void *
realloc(void *p, size_t n)
{
	count();
	return __libc_realloc(p, n);
}

void *
memalign(size_t align, size_t n)
{
	count();
	return __libc_memalign(align, n);
}

void *
aligned_alloc(size_t align, size_t n)
{
	return memalign(align, n);
}

int
posix_memalign(void **p, size_t align, size_t n)
{
	*p = memalign(align, n);
	return *p ? 0 : ENOMEM;
}

#endif
