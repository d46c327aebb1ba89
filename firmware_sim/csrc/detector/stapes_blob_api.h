/* stapes_blob_api.h -- a model as data: what a detector that is loadable takes from flash or from a file. Apache-2.0.
 *
 * A blob holds the weights, tables, thresholds and class names of one model, for one kind of processor, whose byte
 * order its numbers have. It holds no address and no offset; where its parts lie follows from the shape of the
 * network, whose hash stands in its head:
 *
 *   stapes_blob_head
 *   stapes_event_config[n_classes]
 *   constants of the model, as NAME.c reads them
 *   n_classes names in UTF-8, each ended by a 0
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. Include
 * stapes_blob.h, which includes this file with the headers that it needs. */

enum {
    STAPES_BLOB_MAGIC = 0x424C5453,   /* "STLB", little-endian */
    STAPES_BLOB_SWAPPED = 0x53544C42, /* the same word in the other byte order */
    STAPES_BLOB_FORMAT = 1,
    STAPES_BLOB_LEAST_FORMAT = 1 /* the oldest format that this code reads */
};

/* What NAME_load returns. With any other than STAPES_BLOB_OK nothing has changed. */
enum {
    STAPES_BLOB_OK = 0,
    STAPES_BLOB_NOT_A_BLOB = 1,       /* the magic number is missing, or there are fewer bytes than a head */
    STAPES_BLOB_MISALIGNED = 2,       /* the address is no multiple of 4 */
    STAPES_BLOB_OTHER_BYTE_ORDER = 3, /* its numbers have the byte order of another processor */
    STAPES_BLOB_OTHER_FORMAT = 4,     /* it is newer than this program, or older than what the program reads */
    STAPES_BLOB_BAD_SIZE = 5,         /* it is cut off, or longer or shorter than its content */
    STAPES_BLOB_BAD_CRC = 6,          /* it is damaged */
    STAPES_BLOB_OTHER_PROCESSOR = 7,  /* its weights are packed for another kind of processor */
    STAPES_BLOB_OTHER_SHAPE = 8, /* its network differs in more than its numbers, or it has other classes or steps */
    STAPES_BLOB_OTHER_FRONTEND = 9, /* it was trained with another frontend */
    STAPES_BLOB_BAD_VALUES = 10     /* a number lies outside of what the code can compute with */
};

typedef struct stapes_blob_head {
    uint32_t magic;
    uint32_t format;
    uint32_t bytes;       /* of the whole blob */
    uint32_t crc32;       /* CRC-32 (IEEE 802.3) of everything after this word */
    uint32_t layout;      /* STAPES_NN_LAYOUT of the processor */
    uint32_t reserved[3]; /* 0 */
    uint8_t shape[32];    /* SHA-256 of the description of the shape */
    uint8_t frontend[32]; /* hash of the frontend, as in detector.json */
    uint8_t model[32];    /* SHA-256 of model.tflite, so that a program can tell which model it runs */
} stapes_blob_head;

/* The least and the greatest value of a number. */
typedef struct stapes_blob_range {
    int32_t least, most;
} stapes_blob_range;

/* Biases, multipliers and shifts of the channels of a layer; their places are offsets in the constants. */
typedef struct stapes_blob_channels {
    uint32_t count;
    uint32_t bias, multiplier, shift;
    int32_t reach; /* the most that the products of a channel add up to, below 2^31 */
    int32_t once;  /* 1: the kernel rounds once, as stapes_nn_dense; 0: twice, as stapes_nn_conv */
} stapes_blob_channels;

/* Weights in blocks of eight channels, each followed by -128 times the sum of the weights of each channel. */
typedef struct stapes_blob_host_sums {
    uint32_t weights; /* offset in the constants */
    uint32_t blocks, taps;
} stapes_blob_host_sums;

/* What the constants of a model must fulfil. */
typedef struct stapes_blob_rules {
    uint32_t bytes; /* of the constants */
    uint32_t n_values, n_sums, n_channels, n_host_sums;
    const stapes_blob_range *values; /* the constants begin with n_values int32_t */
    const uint32_t *sums; /* numbers of values from which factor_a, factor_b and offset of a stapes_nn_add follow */
    const stapes_blob_channels *channels;
    const stapes_blob_host_sums *host_sums;
} stapes_blob_rules;

/* What a program takes. */
typedef struct stapes_blob_kind {
    const stapes_blob_rules *rules;
    uint32_t layout;
    uint32_t n_classes;
    uint8_t shape[32], frontend[32];
} stapes_blob_kind;

/* The parts of a blob that was checked. */
typedef struct stapes_blob_parts {
    const stapes_event_config *events; /* [n_classes] */
    const int8_t *constants;           /* 4-aligned */
    const char *labels;                /* n_classes strings, one after the other */
} stapes_blob_parts;

/* Return where the parts of a blob of this kind lie; nothing is checked. */
stapes_blob_parts stapes_blob_parts_of(const void *blob, const stapes_blob_kind *kind);

/* Check a blob of at most `size` bytes, head, CRC and every number of it. Returns STAPES_BLOB_OK or what is wrong:
 * then a detector can run it without leaving its memory, whatever the blob holds. 50 to 60 instructions per byte. */
int32_t stapes_blob_check(const void *blob, size_t size, const stapes_blob_kind *kind);

/* Return a sentence about a result of NAME_load, in English. */
const char *stapes_blob_error(int32_t code);
