/*
 * sql.h: SQL run by the extension itself.
 */
#ifndef SVC_SQL_H
#define SVC_SQL_H

#include "nodes/pg_list.h"
#include "utils/array.h"

/* What svc_sql_begin saves for svc_sql_end.  Nothing in it needs care on error. */
typedef struct SqlScope
{
	MemoryContext cxt;			/* the caller's, where results are kept */
	int			guc_level;
	Oid			saved_user;
	int			saved_context;
} SqlScope;

/* A parameter of a statement */
typedef struct SqlArg
{
	Oid			type;
	Datum		value;
	bool		isnull;
} SqlArg;

extern void SqlInit(void);

/*
 * A statement that is planned once in a session, not each time that it runs:
 * a static variable of its function, zero at first
 */
typedef struct SqlSaved
{
	struct _SPI_plan *plan;
	char	   *query;
	int			nargs;
	Oid		   *types;
} SqlSaved;

extern void svc_sql_begin(SqlScope *scope, Oid user);
extern void svc_sql_begin_restricted(SqlScope *scope, Oid user);
extern void svc_sql_begin_theirs(SqlScope *scope, Oid user, const char *search_path);
extern void svc_sql_restrict(void);
extern bool svc_sql_is_own(void);
extern void svc_sql_join_by_hash(void);
extern void svc_sql_join_as_written(void);
extern void svc_sql_fix_formats(void);
extern void svc_sql_quietly(void);
extern void svc_sql_set(const char *name, const char *value);
extern void svc_sql_end(SqlScope *scope);
extern MemoryContext svc_sql_keep(void);

extern int	svc_sql_open(void);
extern void svc_sql_close(int context);

extern SqlArg sql_name(const char *value);
extern SqlArg sql_text(const char *value);
extern SqlArg sql_oid(Oid value);
extern SqlArg sql_regclass(Oid value);
extern SqlArg sql_regrole(Oid value);
extern SqlArg sql_bool(bool value);
extern SqlArg sql_array(ArrayType *value, Oid array_type);
extern SqlArg sql_oids(List *oids, Oid array_type);
extern SqlArg sql_names(List *strings);
extern SqlArg sql_ints(List *integers);
extern SqlArg sql_datum(Datum value, Oid type);
extern SqlArg sql_null(Oid type);

extern uint64 svc_sql_run(const char *query, const SqlArg *args, int nargs);
extern uint64 svc_sql_run_saved(SqlSaved *saved, const char *query, const SqlArg *args, int nargs);
extern void svc_sql_do(const char *format, ...) pg_attribute_printf(1, 2);
extern int	svc_sql_do_each(const char *query, const SqlArg *args, int nargs);
extern char *svc_sql_value(uint64 row, int column);
extern Oid	svc_sql_oid_value(uint64 row, int column);
extern bool svc_sql_bool_value(uint64 row, int column);
extern Datum *svc_sql_array_value(uint64 row, int column, int *n);
extern List *svc_sql_names_value(uint64 row, int column);
extern List *svc_sql_oids_value(uint64 row, int column);
extern List *svc_sql_ints_value(uint64 row, int column);

/* svc_sql("SELECT ... $1 ... $2", sql_name(x), sql_oid(y)): the number of rows */
#define svc_sql(query, ...) \
	svc_sql_run(query, (const SqlArg[]){__VA_ARGS__}, \
				(int) lengthof(((const SqlArg[]){__VA_ARGS__})))

/* The same with a plan that is kept: svc_sql_saved(&saved, "SELECT ... $1", sql_name(x)) */
#define svc_sql_saved(saved, query, ...) \
	svc_sql_run_saved(saved, query, (const SqlArg[]){__VA_ARGS__}, \
					  (int) lengthof(((const SqlArg[]){__VA_ARGS__})))

extern void svc_sql_append(FunctionCallInfo fcinfo, const char *query, const SqlArg *args,
						   int nargs);
extern void svc_sql_report(FunctionCallInfo fcinfo, const char *query, const SqlArg *args,
						   int nargs);

#endif							/* SVC_SQL_H */
