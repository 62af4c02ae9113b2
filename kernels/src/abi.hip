// What every library says of itself.
#include "patdsl/platform.h"

#if !defined(PATDSL_ARCH)
#error "define PATDSL_ARCH as the architecture's name in quotes"
#endif

// What the library was built for, such as "gfx942" or "sm_90".
extern "C" const char* patdsl_arch() { return PATDSL_ARCH; }
