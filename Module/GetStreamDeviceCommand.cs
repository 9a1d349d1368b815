using System.Management.Automation;
using NvStream.Compute;
using NvStream.Measurement;

namespace NvStream.Commands;

/// <summary>Get-StreamDevice: the devices of this machine, the CPU last; says in Verbose what was looked for.</summary>
[Cmdlet(VerbsCommon.Get, "StreamDevice")]
[OutputType(typeof(DeviceInfo))]
public sealed class GetStreamDeviceCommand : StreamCmdlet
{
    private protected override void End()
    {
        // Loading a driver can take seconds: not on the pipeline thread, which has to hear Ctrl+C.
        var devices = Pump.Run(() => MachineDevices.List(line => Pump.Post(() => WriteVerbose(line))));
        DeviceCompleter.Known = devices;
        WriteObject(devices, enumerateCollection: true);
    }
}
