/* page.c - puts page.html into the program as it is. CMake says where it lies (TARN_PAGE_FILE). */
#include "page.h"

__asm__(".pushsection .rodata\n"
        "tarn_page_begin:\n"
        ".incbin \"" TARN_PAGE_FILE "\"\n"
        "tarn_page_end:\n"
        ".popsection\n");

extern const char tarn_page_begin[], tarn_page_end[];

struct tarn_bytes tarn_page(void)
{
    return (struct tarn_bytes){.data = tarn_page_begin, .len = (size_t)(tarn_page_end - tarn_page_begin)};
}
