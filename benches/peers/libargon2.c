/* Hashes with the reference implementation of Argon2 on memory that is kept, and says how long it
 * took. A line of standard input is `memory_kib passes count`; the answer is the processor time of so
 * many hashes in nanoseconds, and the last hash in hexadecimal digits. Built by libargon2.sh. */

#include <argon2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Whether it wipes its memory after each hash: as keyward, it does not. */
extern int FLAG_clear_internal_memory;

static uint8_t *kept;
static size_t kept_len;

static int take(uint8_t **memory, size_t len) {
    if (len > kept_len) {
        free(kept);
        kept = aligned_alloc(4096, (len + 4095) / 4096 * 4096);
        if (!kept) return ARGON2_MEMORY_ALLOCATION_ERROR;
        memset(kept, 1, len);
        kept_len = len;
    }
    *memory = kept;
    return ARGON2_OK;
}

static void give(uint8_t *memory, size_t len) {
    (void)memory;
    (void)len;
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(void) {
    FLAG_clear_internal_memory = 0;
    unsigned memory, passes, count;
    while (scanf("%u %u %u", &memory, &passes, &count) == 3) {
        uint8_t out[32];
        uint64_t start = now();
        for (unsigned at = 0; at < count; at++) {
            argon2_context context = {
                .out = out, .outlen = sizeof out,
                .pwd = (uint8_t *)"correct horse battery staple", .pwdlen = 28,
                .salt = (uint8_t *)"some salt of 16!", .saltlen = 16,
                .t_cost = passes, .m_cost = memory, .lanes = 1, .threads = 1,
                .version = ARGON2_VERSION_13, .allocate_cbk = take, .free_cbk = give,
            };
            if (argon2_ctx(&context, Argon2_id) != ARGON2_OK) return 1;
        }
        printf("%llu ", (unsigned long long)(now() - start));
        for (size_t at = 0; at < sizeof out; at++) printf("%02x", out[at]);
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
