/* Compiles only if the headers still have all of binary interface 1, and links only if the library has, too. Run, it
 * says how many functions that are, and fails if the library is of another interface. C11. */
#include <stddef.h>
#include <stdio.h>

#define SAME_TYPE(pointer, type, what) \
  _Static_assert(_Generic((pointer), __typeof__(type)*: 1, default: 0), what " has another type than in interface 1")
/* Offsets and sizes are recorded for 64-bit systems. */
#define ON_64_BIT(condition) (sizeof(void*) != 8 || (condition))

#define TYPE(name, type) SAME_TYPE((name*)0, type, #name);
#define CONSTANT(name, value) _Static_assert((name) == (value), #name " has another value than in interface 1");
#define FUNCTION(name, type) SAME_TYPE(&name, type, #name);
#define STRUCT(name, size) _Static_assert(ON_64_BIT(sizeof(name) >= (size)), #name " has become smaller");
#define FIELD(name, field, offset, type)                                                       \
  _Static_assert(ON_64_BIT(offsetof(name, field) == (offset)), #name "." #field " has moved"); \
  SAME_TYPE(&((name*)0)->field, type, #name "." #field);
#include "abi_1.def"
#undef TYPE
#undef CONSTANT
#undef FUNCTION
#undef STRUCT
#undef FIELD

_Static_assert(DEMUCS_ORT_ABI_VERSION == 1, "another interface needs a record of its own");

typedef void (*any_function)(void);
#define TYPE(name, type)
#define CONSTANT(name, value)
#define FUNCTION(name, type) (any_function)(name),
#define STRUCT(name, size)
#define FIELD(name, field, offset, type)
static const any_function functions[] = {
#include "abi_1.def"
};

int main(void) {
  printf("%d functions\n", (int)(sizeof functions / sizeof *functions));
  return demucs_ort_check_abi(1) == DEMUCS_ORT_OK && demucs_ort_abi_version() == 1 && functions[0] != NULL ? 0 : 1;
}
