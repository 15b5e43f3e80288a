/* What is said: text without a period that a message could fall into, so that a shifted, swapped, lost or doubled
 * byte differs from what must come. Every connection begins elsewhere. Each 64th byte is a newline, for servers of
 * lines. What servers say of their own accord is a block of 64 KiB, again and again: servers/common.py has it too.
 */
#include <string.h>

#include "load.h"

const char GREETING[8] = "goodbye\n", WELCOME[8] = "welcome\n";

static char table[2 * PERIOD]; /* twice, so that a period can be read from anywhere */

static void fill_with_lines(void) {
    const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t state = 88172645463325252u; /* Marsaglia's xorshift64, from his seed */
    for (size_t i = 0; i < PERIOD; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        table[i] = i % 64 == 63 ? '\n' : digits[state >> 58];
    }
}

static void fill_with_blocks(void) {
    for (size_t i = 0; i < PERIOD; i++) {
        size_t at = i % 65536;
        table[i] = (char)(at * 31 + (at >> 8));
    }
}

void make_pattern(bool by_server) {
    if (by_server) {
        fill_with_blocks();
    } else {
        fill_with_lines();
    }
    memcpy(table + PERIOD, table, PERIOD);
}

const char *pattern_at(uint64_t offset) { return table + offset % PERIOD; }
