/* The symmetric flow hash: mirrorplane.wire.flow, bit for bit.
 *
 * Owns the hash. Must not know headers.
 */
#pragma once

#include "kernel.h"

INLINE u64 mix64(u64 word)
{
	word = (word ^ (word >> 33)) * 0xff51afd7ed558ccdULL;
	word = (word ^ (word >> 33)) * 0xc4ceb9fe1a85ec53ULL;
	return word ^ (word >> 33);
}

INLINE u64 endpoint4(u64 address, u32 port)
{
	return address << 16 | port;
}

INLINE u64 endpoint6(u64 high, u64 low, u32 port)
{
	return mix64(high + mix64(low + port));
}

INLINE u64 between(u64 one, u64 other, u32 protocol)
{
	u64 low = one < other ? one : other, high = one < other ? other : one;

	return mix64(low + mix64(high + protocol));
}
