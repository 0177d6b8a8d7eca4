/* The weights and the metadata of an exported model as read-only bytes; the macros name the files. */
#ifdef __APPLE__
#define SYMBOL(name) _##name
#define LOCAL(name) .private_extern _##name
    .const
#else
#define SYMBOL(name) name
#define LOCAL(name) .hidden name
    .section .rodata
#endif

    .p2align 12
    .globl SYMBOL(tw_model_weights_data)
    LOCAL(tw_model_weights_data)
SYMBOL(tw_model_weights_data):
    .incbin TW_WEIGHTS_FILE
    .byte 0

    .globl SYMBOL(tw_model_metadata_data)
    LOCAL(tw_model_metadata_data)
SYMBOL(tw_model_metadata_data):
    .incbin TW_METADATA_FILE
    .byte 0

#ifdef __ELF__
    .section .note.GNU-stack, "", %progbits
#endif
