// Runs Flyway's commands, as many as are asked for, in one process: a JVM takes
// longer to start than Flyway to work.
//
// A line of the input is a command (info, validate, migrate, repair, baseline)
// and its settings as name=value, separated by tabs, with \n, \t and \\ escaped:
//
//	validate	url=jdbc:postgresql://...	locations=filesystem:/...	outOfOrder=true
//
// A line of the output is a JSON object: of info the list "migrations", of the
// others "ok" and what Flyway says, "error" where it threw.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.output.MigrateResult;
import org.flywaydb.core.api.output.RepairResult;
import org.flywaydb.core.api.output.ValidateOutput;
import org.flywaydb.core.api.output.ValidateResult;

public class Session {
	public static void main(String[] arguments) throws Exception {
		// Flyway writes on the standard output as it likes
		PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
		System.setOut(System.err);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		String line;
		while ((line = in.readLine()) != null) {
			out.println(answer(line.split("\t")));
		}
	}

	private static String answer(String[] words) {
		try {
			return run(words[0], flyway(words));
		} catch (FlywayException e) {
			return "{\"ok\": false, \"error\": " + quote(messages(e)) + "}";
		} catch (Throwable e) {
			return "{\"ok\": false, \"error\": " + quote(e.toString()) + "}";
		}
	}

	private static Flyway flyway(String[] words) {
		Map<String, String> settings = new HashMap<>();
		for (int i = 1; i < words.length; i++) {
			int at = words[i].indexOf('=');
			settings.put("flyway." + words[i].substring(0, at), unescape(words[i].substring(at + 1)));
		}
		FluentConfiguration configuration = Flyway.configure();
		configuration.configuration(settings);
		return configuration.load();
	}

	private static String run(String command, Flyway flyway) {
		switch (command) {
			case "info":
				return info(flyway);
			case "validate":
				return validate(flyway);
			case "migrate":
				MigrateResult result = flyway.migrate();
				return "{\"ok\": " + result.success + ", \"executed\": " + result.migrationsExecuted + "}";
			case "repair":
				RepairResult repaired = flyway.repair();
				return "{\"ok\": true, \"removed\": " + repaired.migrationsRemoved.size()
						+ ", \"deleted\": " + repaired.migrationsDeleted.size()
						+ ", \"aligned\": " + repaired.migrationsAligned.size() + "}";
			case "baseline":
				return "{\"ok\": " + flyway.baseline().successfullyBaselined + "}";
			default:
				throw new IllegalArgumentException("no such command: " + command);
		}
	}

	private static String info(Flyway flyway) {
		List<String> rows = new ArrayList<>();
		for (MigrationInfo info : flyway.info().all()) {
			rows.add("{\"version\": " + quote(info.getVersion() == null ? null : info.getVersion().toString())
					+ ", \"description\": " + quote(info.getDescription())
					+ ", \"type\": " + quote(info.getType().toString())
					+ ", \"state\": " + quote(info.getState().getDisplayName())
					+ ", \"script\": " + quote(info.getScript())
					+ ", \"checksum\": " + info.getChecksum()
					+ ", \"rank\": " + info.getInstalledRank() + "}");
		}
		return "{\"ok\": true, \"migrations\": [" + String.join(", ", rows) + "]}";
	}

	private static String validate(Flyway flyway) {
		ValidateResult result = flyway.validateWithResult();
		List<String> rows = new ArrayList<>();
		for (ValidateOutput bad : result.invalidMigrations) {
			rows.add("{\"version\": " + quote(bad.version) + ", \"description\": " + quote(bad.description)
					+ ", \"code\": " + quote(String.valueOf(bad.errorDetails.errorCode)) + "}");
		}
		return "{\"ok\": " + result.validationSuccessful + ", \"problems\": [" + String.join(", ", rows)
				+ "], \"error\": " + quote(result.errorDetails == null ? null : result.errorDetails.errorMessage) + "}";
	}

	// What was thrown, and what it was thrown because of
	private static String messages(Throwable e) {
		StringBuilder text = new StringBuilder();
		for (; e != null; e = e.getCause()) {
			text.append(e.getMessage()).append('\n');
		}
		return text.toString();
	}

	private static String unescape(String text) {
		return text.replace("\\t", "\t").replace("\\n", "\n").replace("\\\\", "\\");
	}

	private static String quote(String text) {
		if (text == null) {
			return "null";
		}
		StringBuilder json = new StringBuilder("\"");
		for (char c : text.toCharArray()) {
			if (c == '"' || c == '\\') {
				json.append('\\').append(c);
			} else if (c < ' ') {
				json.append(String.format("\\u%04x", (int) c));
			} else {
				json.append(c);
			}
		}
		return json.append('"').toString();
	}
}
