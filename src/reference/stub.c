#include "core/svc.h"
#include "reference/checker.h"
void checker_forget(const Reference *reference, ArrayType *keys) {}
#ifndef HAVE_ASK
void checker_ask(const Reference *reference, KeySet *set) {}
#endif
