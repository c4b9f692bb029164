// What the JDBC driver says of a key that is not there: alone, in a batch, in
// COPY, at COMMIT.
//
//	java -cp ... Violations.java URL USER PASSWORD TABLE TABLE_CHECKED_AT_COMMIT
//
// A line of JSON a case.

import java.io.StringReader;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Locale;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Violations {
	private static final UUID THERE = UUID.fromString("00000000-0000-4000-8000-000000000001");
	private static final UUID MISSING = UUID.fromString("00000000-0000-4000-8000-0000000000ff");

	private interface Work {
		void run() throws Exception;
	}

	public static void main(String[] arguments) throws Exception {
		String table = arguments[3];
		String late = arguments[4];
		try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], arguments[2])) {
			int pid = connection.unwrap(PGConnection.class).getBackendPID();
			// from the fifth execution on the driver prepares a statement at the server
			for (String name : new String[] { "alone", "2nd", "3rd", "4th", "5th", "6th" }) {
				refused(name, () -> insert(connection, table, MISSING));
			}
			refused("batch", () -> insertAll(connection, table, THERE, MISSING, THERE));
			refused("copy", () -> connection.unwrap(PGConnection.class).getCopyAPI()
					.copyIn("COPY " + table + " (product_id) FROM STDIN", new StringReader(THERE + "\n" + MISSING + "\n")));
			refused("commit", () -> {
				connection.setAutoCommit(false);
				insert(connection, late, MISSING);
				connection.commit();
			});
			connection.rollback();
			connection.setAutoCommit(true);
			insert(connection, table, THERE);
			if (!connection.isValid(5) || connection.unwrap(PGConnection.class).getBackendPID() != pid) {
				throw new IllegalStateException("the connection is another one");
			}
		}
	}

	private static void insert(Connection connection, String table, UUID key) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement("INSERT INTO " + table + " (product_id) VALUES (?)")) {
			statement.setObject(1, key);
			statement.executeUpdate();
		}
	}

	private static void insertAll(Connection connection, String table, UUID... keys) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement("INSERT INTO " + table + " (product_id) VALUES (?)")) {
			for (UUID key : keys) {
				statement.setObject(1, key);
				statement.addBatch();
			}
			statement.executeBatch();
		}
	}

	private static void refused(String name, Work work) throws Exception {
		try {
			work.run();
			System.out.println("{\"driver\": \"JDBC\", \"case\": \"" + name + "\", \"code\": \"none\"}");
		} catch (BatchUpdateException e) {
			show(name, (PSQLException) e.getCause());
		} catch (PSQLException e) {
			show(name, e);
		}
	}

	private static void show(String name, PSQLException e) {
		ServerErrorMessage said = e.getServerErrorMessage();
		System.out.println("{\"driver\": \"JDBC\", \"case\": \"" + name + "\"" + field("code", e.getSQLState())
				+ field("schema", said.getSchema()) + field("table", said.getTable()) + field("column", said.getColumn())
				+ field("constraint", said.getConstraint()) + field("message", said.getMessage())
				+ field("detail", said.getDetail()) + field("hint", said.getHint()) + "}");
	}

	private static String field(String name, String value) {
		if (value == null) {
			return "";
		}
		return String.format(Locale.ROOT, ", \"%s\": \"%s\"", name, value.replace("\\", "\\\\").replace("\"", "\\\""));
	}
}
