/* micrograd._native: the compiled core of the engine.

   It knows no formula. What each operation computes, and its derivative, is in rows.h, which
   generate.py makes from micrograd/ops.py. micrograd/core/python_core.py is the same in Python. */
#include "value.h"
#include "nodes.h"
#include "operators.h"
#include "attributes.h"
#include "backward.h"
#include "many.h"
#include "watch.h"
#include "lists.h"
#include "recorded.h"
#include "graph.h"

static PyMethodDef methods[] = {
    METHODS
    {"backward", node_backward, METH_NOARGS,
     "Fill `.grad` of all that this value was computed from.\n\n"
     "Adds to the gradients of the leaves (so two calls give twice the gradient) and overwrites\n"
     "those of the other nodes."},
    {"_become", node_become, METH_VARARGS, NULL},
    {NULL}};

static PyType_Slot slots[] = {
    SLOTS
    {Py_nb_power, operator_power},
    {Py_tp_new, node_new}, {Py_tp_init, node_init}, {Py_tp_dealloc, node_dealloc},
    {Py_tp_free, PyObject_GC_Del}, {Py_tp_traverse, node_traverse}, {Py_tp_clear, node_clear},
    {Py_tp_methods, methods}, {Py_tp_getset, attributes}, {0, NULL}};

static PyType_Spec spec = {
    "micrograd.engine.Value", sizeof(Value), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

/* configure(Scalar, rows, by_hand, More, as_number, tell_made, tell_leaf) -> the class Value */
static PyObject *configure(PyObject *module, PyObject *args) {
    PyObject *scalar, *table, *by_hand;
    PyObject **kept[] = {&more_type, &as_number, &tell_made, &tell_leaf};
    PyObject *given[4], *numbers = PyImport_ImportModule("numbers");
    if (!numbers || !PyArg_ParseTuple(args, "OO!OOOOO", &scalar, &PyList_Type, &table, &by_hand,
                                      &given[0], &given[1], &given[2], &given[3])) return NULL;
    real = PyObject_GetAttrString(numbers, "Real");
    Py_DECREF(numbers);
    PyObject *bases = PyTuple_Pack(1, scalar);
    PyObject *type = bases ? PyType_FromSpecWithBases(&spec, bases) : NULL;
    Py_XDECREF(bases);
    if (!type || !real) return NULL;
    /* Messages about operands show this name, without the module before it. */
    PyObject *name = PyUnicode_FromString("Value");
    if (!name || PyObject_SetAttrString(type, "__name__", name) < 0) return NULL;
    Py_DECREF(name);
    empty_free_nodes();
    for (int i = 0; i < 4; i++) *kept[i] = Py_NewRef(given[i]);
    rows[ROW_BY_HAND] = Py_NewRef(by_hand);
    row_count = ROW_BY_HAND + 1;
    while (row_count < ROWS) {
        PyObject *row = PyList_GetItem(table, row_count - ROW_BY_HAND - 1);
        if (!row) return NULL;
        arity[row_count] = row_arity[row_count];
        rows[row_count++] = Py_NewRef(row);
    }
    value_type = (PyTypeObject *)Py_NewRef(type);
    return type;
}

/* watch(anybody, keeper): `keeper` watches alone, and only keeps what it sees; else it is None */
static PyObject *watch(PyObject *module, PyObject *args) {
    PyObject *keeper, *nodes, *leaves, *thread;
    if (!PyArg_ParseTuple(args, "pO", &observed, &keeper)) return NULL;
    Py_CLEAR(kept_nodes);
    Py_CLEAR(kept_leaves);
    if (keeper == Py_None) return Py_NewRef(Py_None);
    nodes = PyObject_GetAttrString(keeper, "nodes");
    leaves = PyObject_GetAttrString(keeper, "leaves");
    thread = PyObject_GetAttrString(keeper, "thread");
    if (nodes && leaves && thread) {
        kept_thread = PyLong_AsUnsignedLong(thread);
        kept_nodes = Py_NewRef(nodes);
        kept_leaves = Py_NewRef(leaves);
    }
    Py_XDECREF(nodes);
    Py_XDECREF(leaves);
    Py_XDECREF(thread);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

#define FUNCTION(name, flags) {#name, function_##name, flags, NULL}
static PyMethodDef functions[] = {
    {"configure", configure, METH_VARARGS, NULL}, {"watch", watch, METH_VARARGS, NULL},
    FUNCTION(as_operand, METH_O), FUNCTION(make_leaf, METH_O), FUNCTION(make_leaves, METH_O),
    FUNCTION(record, METH_VARARGS), FUNCTION(compute, METH_VARARGS),
    FUNCTION(weighted_sum, METH_VARARGS), FUNCTION(zero_gradients, METH_O),
    FUNCTION(backward_from, METH_VARARGS), FUNCTION(numbers_of, METH_O), FUNCTION(gradients_of, METH_O),
    FUNCTION(floats_in, METH_O), FUNCTION(floats_into, METH_VARARGS), FUNCTION(move, METH_VARARGS),
    FUNCTION(home_of, METH_O), FUNCTION(owe, METH_O),
    FUNCTION(as_arrays, METH_VARARGS), FUNCTION(packed, METH_O),
    FUNCTION(packed_array, METH_VARARGS), FUNCTION(packed_keys, METH_O),
    FUNCTION(same_entries, METH_VARARGS), FUNCTION(same_all, METH_VARARGS),
    FUNCTION(same_call, METH_VARARGS), FUNCTION(word_of, METH_VARARGS),
    FUNCTION(longest_paths, METH_VARARGS), FUNCTION(occurrences, METH_O),
    FUNCTION(reachable, METH_VARARGS), {NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "micrograd._native", NULL, -1, functions};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&definition), *names = PyList_New(0);
    int well = module && names && find_lists();
    for (int i = 0; well && i < ROWS - ROW_BY_HAND - 1; i++)
        well = append(names, PyUnicode_FromString(row_names[i]));
    PyObject *fingerprint = PyLong_FromUnsignedLong(FINGERPRINT);
    if (!well || !fingerprint || PyModule_AddObjectRef(module, "ROWS", names) < 0
        || PyModule_AddObjectRef(module, "FINGERPRINT", fingerprint) < 0) return NULL;
    Py_DECREF(names);
    Py_DECREF(fingerprint);
    return module;
}
