/*
 * checker_main.h: the process that asks foreign contracts for sessions.
 */
#ifndef SVC_CHECKER_MAIN_H
#define SVC_CHECKER_MAIN_H

PGDLLEXPORT void svc_checker_main(Datum argument);

#endif							/* SVC_CHECKER_MAIN_H */
