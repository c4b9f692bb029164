/*
 * merge.h: what MERGE does with partitions.
 */
#ifndef SVC_MERGE_H
#define SVC_MERGE_H

extern void MergeInit(void);

#endif							/* SVC_MERGE_H */
