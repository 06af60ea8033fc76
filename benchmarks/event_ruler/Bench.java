import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import software.amazon.event.ruler.Machine;

/**
 * Matches events of a file against rules of a file, one JSON text a line each, on one thread.
 *
 * Every line on standard input asks for one round over all events; the answer is a line with the
 * nanoseconds of CPU that this thread took (not those of compiler and garbage collector) and how
 * often rules matched. The first one says that it is ready.
 */
public class Bench {
    private static final ThreadMXBean THREAD = ManagementFactory.getThreadMXBean();
    private static final long WARM_UP = 10_000_000_000L; // for the compiler of the JVM

    public static void main(String[] files) throws Exception {
        Machine machine = Machine.builder().build();
        int number = 0;
        for (String rule : Files.readAllLines(Path.of(files[0]))) {
            machine.addRule("r" + number++, rule);
        }
        List<String> events = Files.readAllLines(Path.of(files[1]));
        long warm = System.nanoTime() + WARM_UP;
        do {
            round(machine, events);
        } while (System.nanoTime() < warm);
        System.out.println("0 0");
        BufferedReader asked = new BufferedReader(new InputStreamReader(System.in));
        while (asked.readLine() != null) {
            long began = THREAD.getCurrentThreadCpuTime();
            long matches = round(machine, events);
            System.out.println((THREAD.getCurrentThreadCpuTime() - began) + " " + matches);
        }
    }

    private static long round(Machine machine, List<String> events) throws Exception {
        long matches = 0;
        for (String event : events) {
            matches += machine.rulesForJSONEvent(event).size();
        }
        return matches;
    }
}
