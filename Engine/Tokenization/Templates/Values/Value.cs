namespace NvStream.Tokenization.Templates;

/// <summary>
/// A value of the template language, with Python's semantics. Templates see nothing else: a .NET object is copied into
/// values before rendering, and no member of it is ever reached by name.
/// </summary>
abstract class Value
{
    /// <summary>Python's name of the type, for messages.</summary>
    public abstract string TypeName { get; }

    /// <summary>Python's truthiness.</summary>
    public virtual bool IsTrue => true;

    /// <summary>What <c>len()</c> gives; null where the type has none.</summary>
    public virtual int? Length => null;

    /// <summary>The items in order, read as the caller goes; null where the type is not iterable.</summary>
    public virtual IEnumerable<Value>? Items => null;

    /// <summary>What <c>value[key]</c> gives; null where there is no such item.</summary>
    public virtual Value? GetItem(Run run, Value key) => null;

    /// <summary>What <c>value.name</c> gives, methods bound to this value; null where there is no such attribute.</summary>
    public virtual Value? GetAttribute(Run run, string name) => null;

    /// <summary>Calls the value; null where it cannot be called.</summary>
    public virtual Value? Call(Run run, Arguments arguments) => null;

    public virtual bool IsCallable => false;
}
