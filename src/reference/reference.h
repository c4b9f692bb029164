/*
 * reference.h: ids in one service's tables that belong to another service.
 */
#ifndef SVC_REFERENCE_H
#define SVC_REFERENCE_H

#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/timestamp.h"

/* When keys are checked */
typedef enum ReferenceMode
{
	REFERENCE_DEFAULT,			/* as declared: by where the contract is; never in Reference.mode */
	REFERENCE_STATEMENT,
	REFERENCE_COMMIT,
	REFERENCE_ASYNC,
	REFERENCE_OBSERVE,
	REFERENCE_OFF
} ReferenceMode;

typedef enum ReferenceOnMissing
{
	ON_MISSING_REJECT,
	ON_MISSING_REPORT
} ReferenceOnMissing;

typedef enum ReferenceOnUnavailable
{
	ON_UNAVAILABLE_ACCEPT,
	ON_UNAVAILABLE_REJECT
} ReferenceOnUnavailable;

typedef enum ReferenceOnDelete
{
	ON_DELETE_REPORT,
	ON_DELETE_SET_NULL,
	ON_DELETE_DELETE,
	ON_DELETE_KEEP
} ReferenceOnDelete;

/* What is known of a key */
typedef enum KeyState
{
	KEY_PENDING,				/* not asked yet */
	KEY_VALID,
	KEY_MISSING,
	KEY_DELETED,				/* missing, and it is known that it was there */
	KEY_STALE,					/* valid when it was asked last, which is too long ago */
	KEY_UNKNOWN,				/* could not be asked */
	KEY_WAIVED
} KeyState;

/* A reference, resolved for the rows of one relation: the declared one, or a part of it */
typedef struct Reference
{
	NameData	name;
	Oid			relation;		/* as it is declared */
	Oid			part;			/* whose rows these are */
	AttrNumber	column;			/* in part */
	Oid			column_type;
	bool		is_array;		/* each element is a key */
	Oid			key_type;		/* of one key as it is stored here, domains taken off */
	Oid			collation;
	NameData	service;		/* the one that owns the keys */
	NameData	entity;
	NameData	key;			/* its key column */
	char	   *contract_name;	/* qualified and quoted */
	Oid			contract;		/* InvalidOid: it is not there now */
	bool		is_foreign;		/* the contract reads from elsewhere */
	Oid			published;		/* the table behind a local contract, or InvalidOid */
	Oid			equality;		/* operator: contract's key = key_type */
	Oid			run_as;			/* the owner role of the service that the relation belongs to */
	Oid			validator;		/* function, or InvalidOid */
	char	   *validator_name; /* its signature, or NULL; it may be gone */
	ReferenceMode mode;			/* in effect */
	ReferenceOnMissing on_missing;
	ReferenceOnUnavailable on_unavailable;
	ReferenceOnDelete on_delete;
	int64		cache_ttl;		/* milliseconds */
	bool		declared;		/* it has a row in svc.reference */
} Reference;

/* A reference as it is written in the arguments of its triggers, in this order */
typedef struct ReferenceNames
{
	char	   *service;		/* that owns the keys */
	char	   *column;
	char	   *contract;		/* qualified and quoted */
	char	   *key;
	char	   *mode;
	char	   *reference;
	char	   *validator;		/* as svc.reference has it; NULL: none */
} ReferenceNames;

#define REFERENCE_ARGS 7

/* Room for the names of its statement triggers, <name>_insert and <name>_update */
#define REFERENCE_MAX_NAME 55

extern void ReferenceInit(void);

/*
 * resolve.c: a reference for the rows of one relation, in the current memory
 * context; NULL if the column is gone.  Raises 55000 where nobody may look its
 * keys up: its rows belong to a superuser, or nobody declared it who may act
 * for the service that owns them.
 */
extern Reference *reference_resolve(Oid part, const ReferenceNames *names);

/* What the arguments of a trigger say; refuses a trigger with others (39P01) */
extern ReferenceNames reference_names_of_trigger(Relation rel, const Trigger *trigger);

/*
 * reference.c: a declared reference by its name, in the current memory context;
 * not for hot paths.  NULL if there is none, or its relation or column is gone.
 * Raises what reference_resolve does.
 */
extern Reference *reference_lookup(const char *name);

/* The same for the rows of a part of its relation */
extern Reference *reference_for_part(const char *name, Oid part);

/* Names of the references into a published relation, or of a contract; and of a relation's own */
extern List *reference_names_into(Oid published_or_contract);
extern List *reference_names_of(Oid relation);

/*
 * reference.c: a reference's row of svc.reference_state, as part of the current
 * transaction.  What was noted of an error is shown until the next one; NULL
 * takes it away.
 */
extern void reference_need_sweep(const char *name);
extern void reference_noted_error(const char *name, const char *message);

/* May rows of a reference hold keys that nobody has looked at? */
extern bool reference_has_unchecked(const char *name);

/* trigger.c: what a trigger's arguments say, kept for the session */
extern Reference *reference_of_trigger(Relation rel, const Trigger *trigger);

/* What the values above are called in SQL */
extern const char *reference_mode_name(ReferenceMode mode);
extern const char *reference_on_missing_name(ReferenceOnMissing value);
extern const char *reference_on_unavailable_name(ReferenceOnUnavailable value);
extern const char *reference_on_delete_name(ReferenceOnDelete value);
extern const char *key_state_name(KeyState state);

/* And which of them a word is, or -1 */
extern int	reference_mode_of(const char *word);
extern int	reference_on_missing_of(const char *word);
extern int	reference_on_unavailable_of(const char *word);
extern int	reference_on_delete_of(const char *word);

#endif							/* SVC_REFERENCE_H */
