/* SPDX-License-Identifier: BSD-3-Clause
 * model_file.h - what the files of models and candidates share
 */
#pragma once
#include "base/base.h"

/* CRC-32C (RFC 3720, appendix B.4: polynomial 1EDC6F41, reflected). Begin with UINT32_MAX, invert at the end. */
uint32_t model_crc32c(uint32_t crc, const void *data, size_t n);

/* The parts one after another become the file, whole or not at all. 0 or -errno. */
int model_write_parts(const char *path, const struct span *part, size_t cnt);
