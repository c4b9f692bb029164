/*
 * plan_create.h: what statements that make something lock.
 */
#ifndef SVC_MIGRATION_PLAN_CREATE_H
#define SVC_MIGRATION_PLAN_CREATE_H

#include "migration/plan_impact.h"

extern void plan_create_table(Impact *impact, Node *node);
extern void plan_create_foreign_table(Impact *impact, Node *node);
extern void plan_create_table_as(Impact *impact, Node *node);
extern void plan_create_view(Impact *impact, Node *node);
extern void plan_create_index(Impact *impact, Node *node);
extern void plan_create_trigger(Impact *impact, Node *node);
extern void plan_create_rule(Impact *impact, Node *node);
extern void plan_create_policy(Impact *impact, Node *node);
extern void plan_alter_policy(Impact *impact, Node *node);
extern void plan_create_sequence(Impact *impact, Node *node);
extern void plan_alter_sequence(Impact *impact, Node *node);
extern void plan_create_statistics(Impact *impact, Node *node);
extern void plan_create_function(Impact *impact, Node *node);
extern void plan_create_publication(Impact *impact, Node *node);

#endif							/* SVC_MIGRATION_PLAN_CREATE_H */
