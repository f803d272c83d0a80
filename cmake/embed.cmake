# SPDX-License-Identifier: Apache-2.0
# Makes C source of a file: cmake -DFROM=page.html -DTO=page.c -DNAME=tool_page -P embed.cmake
file(READ "${FROM}" bytes HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE "${TO}" "/* Made of ${NAME}'s file by cmake/embed.cmake. */\n#include <stddef.h>\n"
     "extern const char ${NAME}[];\nextern const size_t ${NAME}_length;\n"
     "const char ${NAME}[] = {${bytes}0};\nconst size_t ${NAME}_length = sizeof ${NAME} - 1;\n")
