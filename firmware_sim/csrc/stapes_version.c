#include <stdint.h>

#include "stapes_version_api.h"

int32_t stapes_version(void)
{
    return 1;
}
