/*
 * reference_follow.h: references when what they stand on is changed.
 */
#ifndef SVC_REFERENCE_FOLLOW_H
#define SVC_REFERENCE_FOLLOW_H

extern void ReferenceFollowInit(void);

#endif							/* SVC_REFERENCE_FOLLOW_H */
