using System.Management.Automation;

namespace NvStream.Commands;

/// <summary>What direct reads can be made of: multiples of 4 KiB, up to 64 MiB.</summary>
sealed class ValidateBlockSizeAttribute : ValidateEnumeratedArgumentsAttribute
{
    const int Unit = 4 << 10;
    const int Largest = 64 << 20;

    protected override void ValidateElement(object element)
    {
        if (element is not int size || size < Unit || size > Largest || size % Unit != 0)
        {
            throw new ValidationMetadataException($"{element} is not a block size: give a multiple of 4KB, from 4KB to 64MB.");
        }
    }
}
