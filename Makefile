# svc_ownership: services that own what is theirs, in PostgreSQL.
#
#   make                  build            make quickstart       see it run
#   make install          install          make quickstart-stop  and stop it
#   make installcheck     test a server    make test             every test there is
#
# quickstart, test, sanitize, matrix, upgrade and bench install what they need from the
# distribution's packages; the others expect pg_config and a compiler.

EXTENSION    = svc_ownership
EXTVERSION   = 0.1
MODULE_big   = svc_ownership
MODULES_CORE = args cancel ddl drop_extension expression extension guard inval merge move protect relation \
               session shared_memory sql trigger wait
MODULES_RUNNER = client copy execute job lock runner runner_main
MODULES_SERVICE = assign cascade connect connection connection_check contract contract_check \
               database drop link ownership place producer provision query remote_contract \
               remote_server request restore right role run service status store
MODULES_UPKEEP = body count_filter count_filter_ddl count_trigger counter counter_follow delta \
               keep_count retention retention_job updated_at updated_at_trigger upkeep
MODULES_WORKER = database_worker doorbell journal journal_append journal_batch \
               journal_cursor journal_rotate journal_run journal_scan journal_snapshot \
               journal_table journal_view launcher leave pending round slot states worker
MODULES_REFERENCE = action ask async breaker check_references check_request checker \
               checker_main commit convert declare declare_check far_session forward \
               key_cache key_queue key_set log lookup missing parked patience prevalidate \
               reference reference_follow reference_guard reference_row resolve settle \
               source sweep sweep_elsewhere sweep_job sweep_keys sweep_progress sweep_scan \
               tombstone trigger unchecked violation violation_job waive watch watch_follow \
               watch_trigger
MODULES_MIGRATION = adopt apply attempt baseline catalog checksum directory drizzle \
               envsub file_run flyway flyway_name folder formats golang_migrate goose \
               goose_parser history input leftover load migrate migration migrations \
               origin pending placeholder plain plan plan_alter plan_catalog \
               plan_column plan_create plan_drop plan_impact plan_partition plan_query \
               plan_statement plan_trial plan_visit position private_text properties \
               read_migration repair repeatable run running script setting split state \
               statement store task tool tool_drizzle tool_flyway tool_golang_migrate tool_table \
               tool_goose utf8 validate variable version

OBJS         = src/svc_ownership.o \
               $(MODULES_CORE:%=src/core/%.o) \
               $(MODULES_RUNNER:%=src/runner/%.o) \
               $(MODULES_SERVICE:%=src/service/%.o) \
               $(MODULES_UPKEEP:%=src/upkeep/%.o) \
               $(MODULES_WORKER:%=src/worker/%.o) \
               $(MODULES_REFERENCE:%=src/reference/%.o) \
               $(MODULES_MIGRATION:%=src/migration/%.o)

# The install script: the modules' parts in the order in which they build on
# each other; events.sql last, since its triggers fire from then on
SQL_PARTS    = src/core/core.sql \
               src/service/connection.sql src/service/service.sql src/service/contract.sql \
               src/service/link.sql src/service/connect.sql src/service/right.sql \
               src/service/run.sql \
               src/upkeep/upkeep.sql \
               src/worker/journal.sql src/worker/worker.sql \
               src/migration/store.sql src/migration/script.sql src/migration/history.sql \
               src/migration/migrate.sql src/migration/plan.sql \
               src/reference/reference.sql src/reference/tombstone.sql src/reference/sweep.sql \
               src/reference/reference_status.sql \
               src/service/status.sql \
               src/core/events.sql
INSTALL_SQL  = $(EXTENSION)--$(EXTVERSION).sql

DATA_built   = $(INSTALL_SQL)
PG_CPPFLAGS  = -I$(srcdir)/src -DSVC_VERSION='"$(EXTVERSION)"' \
               -DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS    = -fvisibility=hidden -Wall -Wextra -Wno-unused-parameter \
               -Wno-missing-field-initializers -Wno-sign-compare
EXTRA_CLEAN  = $(wildcard src/*.d src/*/*.d)

# The same on a server of any encoding and locale
REGRESS_OPTS = --encoding=UTF8 --no-locale
REGRESS      = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
ISOLATION    = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=output_iso

PG_CONFIG   ?= pg_config
PGXS        := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

.DEFAULT_GOAL := all

ifneq ($(wildcard $(PGXS)),)
include $(PGXS)

$(INSTALL_SQL): $(SQL_PARTS) Makefile
	{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; cat $(SQL_PARTS); } > $@

# Objects and bitcode follow the headers they read, and this file's settings
%.o %.bc: override CPPFLAGS += -MMD -MP -MF $@.d
$(OBJS) $(OBJS:.o=.bc): Makefile
-include $(wildcard src/*.d src/*/*.d)
else
all install installcheck clean:
	@echo "PostgreSQL's server headers are missing: install them (Debian: postgresql-server-dev-15)," >&2
	@echo "name another pg_config with PG_CONFIG=..., or let 'make quickstart' do all of it." >&2
	@exit 1
endif

# Each does its own set-up, and works in a copy of this tree
SCRIPTS_TO_RUN = quickstart quickstart-stop test bench sanitize matrix upgrade mixed fuzz soak

.PHONY: $(SCRIPTS_TO_RUN) tap lint
$(SCRIPTS_TO_RUN):
	@scripts/$@

tap:
	@scripts/test tap

lint:
	@scripts/test check
