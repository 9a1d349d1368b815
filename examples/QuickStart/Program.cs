// Triages a dozen log lines with the demo model, under a budget too small for all of it: layers stream from the file.
//   dotnet run -c Release --project examples/QuickStart [-- --device Cpu --budget 8MB]
//   dotnet publish -c Release examples/QuickStart     a program that starts faster: it is compiled ahead
using System.Diagnostics;
using System.Text.Json;
using NvStream;
using NvStream.Examples;
using NvStream.Inference;
using NvStream.Streaming;
using Spectre.Console;

string[] logs =
[
    "2026-03-02T04:11:09Z db-07 kernel: nvme nvme3: I/O 412 QID 7 timeout, aborting",
    "2026-03-02T04:11:40Z db-07 postgres: deadlock detected in database orders, process 4711",
    "2026-03-02T04:12:00Z web-12 nginx: upstream timed out while connecting to 10.4.7.21:8443",
    "2026-03-02T04:12:31Z gpu-03 kernel: NVRM: Xid (PCI:GPU-5): 79, pid=31337",
    "2026-03-02T04:13:05Z auth-02 sshd: Failed password for root from 203.4.11.9 port 40022",
    "2026-03-02T04:13:44Z store-21 df: filesystem /var/log is 97% full",
    "2026-03-02T04:14:10Z edge-09 certbot: certificate for login.corp expires in 9 days",
    "2026-03-02T04:14:52Z k8s-44 kubelet: Back-off restarting failed container in pod pay-3f9ac",
    "2026-03-02T04:15:20Z cache-05 systemd: redis.service: Main process exited, code=killed, status=SIGKILL",
    "2026-03-02T04:16:02Z queue-08 rabbitmq: queue invoice has 812 unacked messages",
    "2026-03-02T04:16:48Z mail-01 backup: snapshot of users failed: checksum mismatch",
    "2026-03-02T04:17:30Z api-33 systemd: Started haproxy.service",
];

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};

try
{
    var (device, budget) = Options.Parse(args);
    var watch = Stopwatch.StartNew();
    using var model = StreamModel.Load(
        Path.Combine(AppContext.BaseDirectory, "models", "logtriage-q4_k_m.gguf"),
        new() { Device = device, DeviceBudget = budget, ContextLength = 128, KvTokens = 128 * logs.Length }, null, stop.Token);

    // All are answered in the same passes; the first one can be read as it is made.
    var live = new LiveAnswer(logs[0]);
    var answers = await Task.WhenAll(logs.Select((log, i) => model.SubmitAsync(
        new() { Prompt = log, MaxTokens = 80, Sampling = new() { Temperature = 0 }, OnText = i == 0 ? live.Write : null }, stop.Token)));
    var elapsed = watch.Elapsed;
    live.End();
    if (stop.IsCancellationRequested)
    {
        return 130;
    }

    AnsiConsole.Write(Report.Fields(answers));
    AnsiConsole.Write(Report.Figures(model, answers, live.FirstText, elapsed));
    return 0;
}
catch (OperationCanceledException)
{
    return 130;
}
catch (JsonException e)
{
    Console.Error.WriteLine($"An answer is not JSON: {e.Message}");
    return 1;
}
catch (NvStreamException e)
{
    Console.Error.WriteLine($"{e.ErrorId}: {e.Message}\n{e.Remedy}");
    return 1;
}
catch (FormatException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
