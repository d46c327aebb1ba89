/* Version of the C library; the Python face refuses another one. */
int32_t stapes_version(void);
