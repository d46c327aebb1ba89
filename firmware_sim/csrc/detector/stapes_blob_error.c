/* stapes_blob_error.c -- what a result of NAME_load means, for people. Apache-2.0.
 *
 * This is a file of its own so that a linker leaves it out of firmware that does not call it. */
#include "stapes_blob.h"

const char *stapes_blob_error(int32_t code)
{
    switch (code) {
    case STAPES_BLOB_OK:
        return "the model is loaded";
    case STAPES_BLOB_NOT_A_BLOB:
        return "this is no model of stapes export --blob";
    case STAPES_BLOB_MISALIGNED:
        return "the model must lie at an address that is a multiple of 4";
    case STAPES_BLOB_OTHER_BYTE_ORDER:
        return "the model has the byte order of another processor: choose --target for this one";
    case STAPES_BLOB_OTHER_FORMAT:
        return "the format of the model is newer than this program: export and build the program again";
    case STAPES_BLOB_BAD_SIZE:
        return "the model is cut off: copy it again, whole";
    case STAPES_BLOB_BAD_CRC:
        return "the model is damaged: copy it again";
    case STAPES_BLOB_OTHER_PROCESSOR:
        return "the model is packed for another kind of processor: choose --target for this one";
    case STAPES_BLOB_OTHER_SHAPE:
        return "the network of the model has another shape than the program's: export and build the program again";
    case STAPES_BLOB_OTHER_FRONTEND:
        return "the model was trained with another frontend: export and build the program again";
    case STAPES_BLOB_BAD_VALUES:
        return "the model holds a number that the program cannot compute with: export it again";
    default:
        return "unknown result";
    }
}
